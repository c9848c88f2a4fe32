"""Who a request comes from: what proves an identity, and the grants of that identity."""
