"""Adapters of the `Store` port: the durable state. They know values, revisions and order, and no rules.

`body.py`, `callback_row.py`, `label_row.py` and `event_row.py` define how values are stored, the same for every
dialect. What the adapters share stands beside them: `store.py` (the methods of the port), `operations.py` (arguments of
writes), `creation.py` (many calls as one), `comparison.py` (what must not have changed), `list_plan.py` (by which index
a list is read), `writer.py` (what becomes one transaction), `log_tail.py` (the followers of the event log). A package
per dialect has the rest, by the interface in `dialect.py`; `migrations/<dialect>/` holds the schemas.
"""
