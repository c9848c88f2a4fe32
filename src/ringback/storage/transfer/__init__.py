"""The move of a whole database to another one, of any dialect, while no server uses either.

`tables.py` lists what moves, `sides.py` is the interface of a database in a move, `sqlite.py` and `postgres.py`
implement it, and `steps.py` has the steps.
"""

from ringback.storage.transfer.sides import NotMoved, Progress
from ringback.storage.transfer.steps import Compared, move

__all__ = ["Compared", "NotMoved", "Progress", "move"]
