"""`ringback doctor`: what is wrong with the machine, the database and the settings of a server, beside it or without.

Each module looks at one kind of thing and returns findings; what is judged is a function of facts, without I/O.
"""
