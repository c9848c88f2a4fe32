"""The SIP dialer: a call of two legs, whose media go directly between them. Only signalling passes through here."""
