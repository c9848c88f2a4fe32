"""The built-in SIP dialer: a third-party call controller that signals and carries no media (docs/sip.md)."""
