"""Why a database cannot be used at all, whatever its dialect."""


class StoreCannotOpen(Exception):  # noqa: N818 - named for what happened
    """The database cannot be used. `str()` is a sentence for the operator."""

    def __init__(self, database: object, reason: str) -> None:
        """`database` is its name, as `str()` tells it; without a password."""
        super().__init__(f"cannot open {database}: {reason}")
