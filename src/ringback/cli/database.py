"""A database as a parameter of the commands that open one themselves."""

from typing import Final

from ringback.cli.params import Parsed
from ringback.config import parse_database

DATABASE: Final = Parsed("database", parse_database)
