"""What places the calls when it is built in. Dialers of the user's own speak DialerService instead."""
