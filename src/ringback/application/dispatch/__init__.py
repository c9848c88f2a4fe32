"""Which callbacks are next, and what dialers do with their leases."""
