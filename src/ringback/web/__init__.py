"""HTTP, beside gRPC: what browsers, scripts and operators speak."""
