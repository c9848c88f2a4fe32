"""Ringback keeps the promise "we will call you back" for contact centres."""

__version__ = "0.1.0"
