"""The use cases. No I/O of their own: they speak to ports, and time is passed in."""
