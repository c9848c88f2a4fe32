"""The interfaces that the application needs from outside, each with its contract."""
