"""The REST contract of the predecessor: its names, rules and paths, over the same handlers as gRPC has.

`docs/rest.md` maps every field. The contract is described once, in `contract.py`: what is read and written, and the
OpenAPI document, are made of that.
"""
