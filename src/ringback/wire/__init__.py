"""The only code that knows both the messages of the wire and the values of the domain.

`read_…` goes from the wire to the domain and never raises: it adds what is wrong to the `Faults` it is given
and goes on with a stand-in. `write_…` goes from the domain to the wire and fills a message in place, since a
message that is built first and put into another one is copied. `handlers` has what
is between the two: one method per RPC.
"""
