"""What is counted rather than timed, so that it can be held to: see `__main__.py`."""
