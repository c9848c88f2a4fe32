"""What callers do with callbacks: create, read, change."""
