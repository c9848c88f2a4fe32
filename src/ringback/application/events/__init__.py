"""The event log as it grows, and those who watch it."""
