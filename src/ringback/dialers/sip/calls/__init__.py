"""Two legs that are one call: who is called, how their media are joined, what is reported and kept."""
