"""Adapters of the `Store` port: the truth, on disk. They know values, revisions and order, and no rules.

`record.py`, `row.py` and `event.py` say how values are written down, the same for every dialect; a package per
database says it in its SQL; `migrations/<dialect>/` holds the schemas.
"""
