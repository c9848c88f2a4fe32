"""The HTTP edge: what browsers, scripts and operators reach on one port, beside gRPC."""
