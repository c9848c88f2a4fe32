"""The gRPC server: one way in, one thin servicer per service, health and reflection."""
