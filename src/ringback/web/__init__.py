"""The HTTP edge: one more port of the same server, for browsers, scripts, and whatever does not speak gRPC.

Calls pass the same way in (`entry/`) and get to the same handlers (`wire/handlers/`) as those over gRPC.
"""
