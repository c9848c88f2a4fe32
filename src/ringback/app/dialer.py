"""What places calls from within the server, at work again where an earlier process has left them."""

import logging
import secrets
from pathlib import Path

from ringback.app.use_cases import UseCases
from ringback.application.dispatch.kept_calls import CallOwner, KeptCalls
from ringback.application.dispatch.lease_request import DEFAULT_LEASE
from ringback.config import Settings
from ringback.dialers.built_in import BuiltIn
from ringback.dialers.leased_call import CallTools
from ringback.dialers.runner import DialerRunner

_log = logging.getLogger(__name__)


async def recovered_dialer(settings: Settings, use_cases: UseCases, built_in: BuiltIn) -> DialerRunner:
    """Return what runs the dialer, with the calls that an earlier process has left to it."""
    dialer = built_in.dialer
    # This process has the database for itself, so an earlier dialer of this name is gone. Of many servers each has
    # its own dialer id: what one of them has lost must not be taken from the others.
    is_alone = isinstance(settings.database, Path)
    dialer_id = f"ringback.{dialer.name}" if is_alone else f"ringback.{dialer.name}-{secrets.token_hex(4)}"
    owner = CallOwner(
        dialer=dialer.name, owner=dialer.owner, dialer_id=dialer_id, lease=DEFAULT_LEASE, is_alone=is_alone
    )
    kept_calls = KeptCalls(use_cases.store, use_cases.directory, use_cases.clock, use_cases.dial_policy, owner)
    tools = CallTools(
        leases=use_cases.leases,
        watch=use_cases.lease_watch,
        service_of=use_cases.directory.get,
        policy=use_cases.dial_policy,
        kept_calls=kept_calls if dialer.owner else None,
        lease=DEFAULT_LEASE,
    )
    runner = DialerRunner(
        dialer,
        dialer_id,
        use_cases.assigner,
        tools,
        max_calls=built_in.max_calls,
        looks_for_others=not is_alone,
    )
    taken = await runner.recover()
    if is_alone:
        orphans = await use_cases.scheduler.release_orphans(dialer_id, use_cases.clock.now(), taken)
        if orphans:
            _log.warning("%d calls of the built-in dialer were cut off by the last stop", orphans)
    return runner
