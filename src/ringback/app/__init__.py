"""The composition root: the only place that names concrete classes. The binary and the tests both use it.

`use_cases.py` makes what the server can do, `edges.py` the ports on which it is called, `dialer.py` what places calls,
and `server.py` starts and stops all of it.
"""

from ringback.app.server import App

__all__ = ["App"]
