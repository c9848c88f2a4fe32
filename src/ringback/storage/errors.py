"""The error for a database that cannot be used at all, in any dialect, and how others begin."""

from typing import Final

# What caused it follows.
NOT_TAKEN: Final = "the database did not take the request"
# The end of a refusal to make what is not there.
MUST_EXIST: Final = "must_exist is set"


class StoreCannotOpen(Exception):  # noqa: N818 - named for what happened
    """The database cannot be used. `str()` is a sentence for the operator."""

    def __init__(self, database: object, reason: str) -> None:
        """`str(database)` is its name, without a password."""
        super().__init__(f"cannot open {database}: {reason}")


def check_content(database: object, version: int, *, must_exist: bool) -> None:
    """Raise `StoreCannotOpen` for a database that has no schema yet, where that is a mistake."""
    if must_exist and not version:
        raise StoreCannotOpen(database, "there is nothing in it, and must_exist is set")


def check_known(database: object, version: int, known: int) -> None:
    """Raise `StoreCannotOpen` for a schema that is newer than this program."""
    if version > known:
        reason = f"a newer Ringback has used it: its schema has version {version}, and this one knows up to {known}"
        raise StoreCannotOpen(database, reason)
