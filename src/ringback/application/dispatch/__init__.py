"""Who is next, and what dialers do with their leases."""
