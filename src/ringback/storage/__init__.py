"""Adapters of the `Store` port: the truth, on disk. They know values, revisions and order, and no rules.

`body.py`, `callback_row.py`, `label_row.py` and `event_row.py` say how values are written down, the same for every
dialect. What the adapters decide alike stands beside them: `operations.py` (what is handed in), `comparison.py` (what
must not have changed), `list_plan.py` (by which index a list is read), `writer.py` (what becomes one transaction). A
package per database says it in its SQL; `migrations/<dialect>/` holds the schemas.
"""
