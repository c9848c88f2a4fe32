"""What the application needs from the outside, each port with its contract."""
