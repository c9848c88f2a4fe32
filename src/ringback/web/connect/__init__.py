"""Connect, gRPC-Web and JSON: the services of the contract, as browsers and scripts call them.

The protocols are those of the package `connectrpc`. What is ours: the way in (`calls.py`), what a message is in JSON
(`json_text.py`, `json_reader.py`, `codecs.py`), and that every refusal has the details that it has in gRPC
(`refusals.py`).
"""
