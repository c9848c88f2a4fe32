"""The event log as it grows, and its watchers."""
