"""The gRPC server: one registrar, one thin servicer per service, health and reflection."""
