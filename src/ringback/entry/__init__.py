"""The one way in: what each call passes before a handler gets it, whatever protocol it came by.

Who a call comes from is found out here, and whether it may be made at all; then it waits for its turn. The edges
(`rpc/`, `web/`) read requests and write responses; what they do in between is `way_in.WayIn`.
"""
