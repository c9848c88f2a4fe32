"""What Prometheus reads: figures that are kept as things happen, and written out at a scrape without counting anything.

`catalogue.py` is the table of all metrics. What happens often (`rpcs.py`, `promises.py`, `commits.py`) adds to plain
numbers; the objects of prometheus-client are made of them at a scrape. Everything is of one server: there is no state
of the process.
"""
