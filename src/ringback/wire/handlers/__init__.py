"""What each RPC does with its message: one class per service, one method per RPC.

A handler takes the request message and returns the response message. It reads the whole request first and refuses
it with all its faults at once, so the use cases get values that are valid in themselves. What cannot be done is
raised as a `RingbackError`: handlers know neither gRPC nor statuses, so that every edge can call the same ones.
"""
