"""Requests and their responses (RFC 3261 section 17), and the endpoint that has them all."""
