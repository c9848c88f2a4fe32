"""SIP messages as values: bytes, headers, URIs, session descriptions, digests, and how logs show them. Pure."""
