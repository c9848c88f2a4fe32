"""Generated from protos/ringback/v1 by `make stubs`: everything here but this line."""
