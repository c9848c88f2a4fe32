"""The door of the HTTP edge: which requests reach a handler at all, and what every response says to a browser."""
