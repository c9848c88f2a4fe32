"""Ringback against its alternatives: the same work, on the same machine, with the same durability."""

from typing import Final

from bench.part import Part
from bench.peers.chapter import show
from bench.peers.contest import measure

PART: Final = Part("peers", "What people would use instead", measure, show)
