"""The ways that messages go: UDP, TCP, TLS, and DNS."""
