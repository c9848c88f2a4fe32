"""The rules of callbacks, pure: no clock, no I/O, no asyncio, no logging. Time is always passed in."""
