"""The handlers of a server, made of its use cases."""

from typing import NamedTuple

from ringback.app.use_cases import UseCases
from ringback.wire.handlers.callbacks import CallbacksHandlers
from ringback.wire.handlers.dialer import DialerHandlers
from ringback.wire.handlers.directory import DirectoryHandlers
from ringback.wire.watch_encoder import WatchEncoder


class Handlers(NamedTuple):
    """What calls get to, whichever port they come by."""

    callbacks: CallbacksHandlers
    dialers: DialerHandlers
    directory: DirectoryHandlers
    # Encodes what watches are sent.
    encoder: WatchEncoder

    @classmethod
    def of(cls, use_cases: UseCases) -> "Handlers":
        return cls(
            CallbacksHandlers(
                use_cases.creation,
                use_cases.queries,
                use_cases.counts,
                use_cases.changes,
                use_cases.watches,
                use_cases.histories,
                use_cases.attempt_traces,
                use_cases.directory,
            ),
            DialerHandlers(
                use_cases.assigner, use_cases.leases, use_cases.reports, use_cases.directory, use_cases.clock
            ),
            DirectoryHandlers(
                use_cases.directory,
                use_cases.queries,
                use_cases.queue_views,
                use_cases.erasure,
                use_cases.queue_watches,
                use_cases.outcomes,
                use_cases.clock,
            ),
            WatchEncoder(use_cases.clock),
        )
