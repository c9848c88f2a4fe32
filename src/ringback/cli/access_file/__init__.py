"""The access file: who may do what, and how much of it. A new key is one row in a table, and a line in what uses it."""
