"""The built-in dialers, which place the calls. The user's own dialers use DialerService instead."""
