"""The composition root: the only place that names concrete classes. The binary and the tests both use it.

`use_cases.py` makes what the server can do, `handlers.py` what calls get to, `edges.py` and `http_edge.py` the ports
that they come by, `dialer.py` what places calls; `server.py` starts and stops all of it.
"""

from ringback.app.server import App

__all__ = ["App"]
