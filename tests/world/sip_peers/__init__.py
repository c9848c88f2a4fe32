"""Real SIP user agents and proxies from Debian packages, as processes on loopback."""
