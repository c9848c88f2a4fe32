"""The rules of the promise, pure: no clock, no I/O, no asyncio, no logging. Time is always passed in."""
