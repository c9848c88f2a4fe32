"""Moving a whole database to another one, of whichever dialect, while no server uses either.

`tables.py` says what moves, `sides.py` what a database has to be able to do for it, `sqlite.py` and `postgres.py` do
that, and `steps.py` are the steps.
"""

from ringback.storage.transfer.sides import NotMoved, Progress
from ringback.storage.transfer.steps import Compared, move

__all__ = ["Compared", "NotMoved", "Progress", "move"]
