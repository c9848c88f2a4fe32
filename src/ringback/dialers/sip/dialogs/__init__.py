"""One leg of a call: its INVITE, its dialog, its BYE (RFC 3261 sections 12 to 15)."""
