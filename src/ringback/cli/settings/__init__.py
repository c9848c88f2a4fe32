"""The settings of `ringback serve`: one table, from which come its flags, the keys of its file, and its manual."""
