"""The `ringback` command. Importing this package needs nothing that is not installed with the stubs."""

import os
import sys

from ringback.cli.streams import INTERRUPTED, replace_what_cannot_be_printed


def main() -> None:
    """Run the command line. With the stubs alone, print what is missing and exit 2."""
    replace_what_cannot_be_printed()
    # Else gRPC prints each handshake that fails, and each header that it cannot read, on stderr in a form of its own:
    # everybody who reaches the port could fill the log.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        _run()
    except KeyboardInterrupt:  # before the command has begun
        sys.exit(INTERRUPTED)


def _run() -> None:
    try:
        from ringback.cli.group import ringback  # noqa: PLC0415 - click comes with an extra
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("ringback"):
            raise
        sys.stderr.write("The ringback command needs more than the stubs: pip install 'ringback[cli]'\n")
        sys.exit(2)
    ringback(prog_name="ringback")
