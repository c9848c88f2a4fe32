"""A complete dialer for Ringback, to copy: replace `Telephone`, keep the rest.

    python dialer.py --server 127.0.0.1:50051 --dialer-id my-dialer --lines 10
    python dialer.py --server ringback.example:443 --tls-ca ca.pem --token-file token

SIGTERM lets it finish the calls that it has begun. So does a server that gives it no more leases; then it exits with 1.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.duration_pb2 import Duration

from ringback.client import insecure_channel, secure_channel
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as pb
from ringback.v1.dialer_service_pb2_grpc import DialerServiceStub

_log = logging.getLogger("dialer")
_WAIT_S = 20
_TIMEOUT_S = 5
_MAX_TOKENS = 1000  # in one call of ExtendLeases
# The request may have arrived or not: it is repeated, which does no harm.
_UNCERTAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}


class Telephone:
    """REPLACE THIS CLASS by the one that places your calls. This one rings and talks for a while and phones nobody."""

    agent_rings_s, ring_s, talk_s = 0.1, 0.3, 1.0

    def show(self, lease: pb.Lease) -> None:
        """Show the agent `lease.callback`: before the call, and whenever its texts or labels have changed."""
        request = lease.callback.callback_request
        _log.info("for the agent: %s %s", request.description, request.context_url)

    async def agent(self, lease: pb.Lease, hang_up: asyncio.Event) -> str:
        """Call an agent first, where `lease.first_leg` says so; return why there is none, "" when one is there."""
        _log.info("calling an agent: %s", lease.agent_address or lease.service_sip_address)
        with suppress(TimeoutError):
            await asyncio.wait_for(hang_up.wait(), self.agent_rings_s)
            return "hung up"
        return ""

    async def call(
        self, lease: pb.Lease, progress: Callable[[Any], Awaitable[None]], hang_up: asyncio.Event
    ) -> pb.ReportOutcomeRequest:
        """Call `lease.callback.dial_target`; report RINGING and CONNECTED; end the call when `hang_up` is set."""
        _log.info("calling %s for %s", lease.callback.dial_target, lease.service_sip_address)
        await progress(pb.ATTEMPT_PROGRESS_RINGING)
        with suppress(TimeoutError):
            await asyncio.wait_for(hang_up.wait(), self.ring_s)
            return pb.ReportOutcomeRequest(outcome=cb.CALL_OUTCOME_NO_ANSWER, sip_status=487)
        await progress(pb.ATTEMPT_PROGRESS_CONNECTED)
        with suppress(TimeoutError):
            await asyncio.wait_for(hang_up.wait(), self.talk_s)
        return pb.ReportOutcomeRequest(
            outcome=cb.CALL_OUTCOME_ANSWERED,
            agent="example agent",
            disposition="done",
            call_ids=["agent@example", "target@example"],
        )


@dataclass(frozen=True)
class _Held:
    """A lease that is held: what it was granted for, as it stands now, and whether to end its call."""

    lease: pb.Lease
    hang_up: asyncio.Event = field(default_factory=asyncio.Event)


class Dialer:
    """Takes leases for its free lines, and makes a call of each.

    After `stopping`, `run()` ends with the last call. So it does after a poll that is refused, which it raises.
    """

    def __init__(self, stub: Any, telephone: Telephone, dialer_id: str, lines: int, lease_s: int = 30) -> None:
        self._stub = stub
        self._telephone = telephone
        self._dialer_id = dialer_id
        self._lines = lines
        self._lease_s = lease_s
        self._held: dict[str, _Held] = {}  # by token
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        keeper = asyncio.create_task(self._keep_leases())
        stopped = asyncio.create_task(self.stopping.wait())
        calls: set[asyncio.Task[None]] = set()
        refusal: grpc.aio.AioRpcError | None = None
        while not self.stopping.is_set():
            poll = asyncio.create_task(self._poll(self._lines - len(calls)))
            await asyncio.wait([poll, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                poll.cancel()  # the server takes back what it may just be granting
                break
            try:
                calls |= {asyncio.create_task(self._call(lease)) for lease in poll.result()}
            except grpc.aio.AioRpcError as error:
                refusal = error
                self.stopping.set()
            if len(calls) >= self._lines:
                await asyncio.wait([*calls, stopped], return_when=asyncio.FIRST_COMPLETED)
            calls = {call for call in calls if not call.done()}
        await asyncio.gather(*calls)
        keeper.cancel()
        if refusal is not None:
            raise refusal

    async def _poll(self, free_lines: int) -> list[pb.Lease]:
        request = pb.LeaseCallbacksRequest(
            dialer_id=self._dialer_id,
            max_leases=min(free_lines, 100),
            lease_duration=Duration(seconds=self._lease_s),
            wait_duration=Duration(seconds=_WAIT_S),
            request_id=str(uuid4()),  # a repetition after a lost response gets the same leases
        )
        begin_s = asyncio.get_running_loop().time()
        try:
            response = await _insist(self._stub.LeaseCallbacks, request, _WAIT_S + _TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            # A poll ends with the token that began it. The file may have the next one by now.
            lasted_s = asyncio.get_running_loop().time() - begin_s
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED or lasted_s < 1:
                raise
            response = await _insist(self._stub.LeaseCallbacks, request, _WAIT_S + _TIMEOUT_S)
        return list(response.leases)

    async def _call(self, lease: pb.Lease) -> None:
        token = lease.lease_token
        held = self._held[token] = _Held(lease)

        async def progress(step: Any) -> None:
            response = await _insist(
                self._stub.ReportProgress, pb.ReportProgressRequest(lease_token=token, progress=step)
            )
            self._update(lease, response.callback)
            if response.cancel_requested:
                held.hang_up.set()

        try:
            if self.stopping.is_set():
                await _insist(self._stub.ReleaseLeases, pb.ReleaseLeasesRequest(lease_tokens=[token]))
                return
            self._telephone.show(lease)
            if reason := await self._telephone.agent(lease, held.hang_up):
                release = pb.ReleaseLeasesRequest(lease_tokens=[token], reason=reason, agents_unavailable=True)
                await _insist(self._stub.ReleaseLeases, release)
                return
            await progress(pb.ATTEMPT_PROGRESS_DIALING)  # if this is refused, no call may be placed
            report = pb.ReportOutcomeRequest(outcome=cb.CALL_OUTCOME_NO_ANSWER)
            if not held.hang_up.is_set():
                report = await self._telephone.call(lease, progress, held.hang_up)
            report.lease_token = token
            await _insist(self._stub.ReportOutcome, report)
        except grpc.aio.AioRpcError as error:
            _log.warning("callback %s given up: %s", lease.callback.callback_id, error.details())
        finally:
            del self._held[token]

    def _update(self, lease: pb.Lease, callback: cb.Callback) -> None:
        """Keep the newest version of the callback, and show the agent what UpdateCallback has changed."""
        if callback.revision > lease.callback.revision:
            changed = callback.callback_request != lease.callback.callback_request
            lease.callback.CopyFrom(callback)
            if changed:
                self._telephone.show(lease)

    async def _keep_leases(self) -> None:
        """Extend all leases at a third of their duration; learn which calls are to be hung up, and new texts."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            tokens = list(self._held)
            for start in range(0, len(tokens), _MAX_TOKENS):
                await self._extend(tokens[start : start + _MAX_TOKENS])

    async def _extend(self, tokens: list[str]) -> None:
        request = pb.ExtendLeasesRequest(lease_tokens=tokens, lease_duration=Duration(seconds=self._lease_s))
        try:
            response = await _insist(self._stub.ExtendLeases, request)
        except grpc.aio.AioRpcError as error:
            # Two more tries before the leases run out: a token may have been renewed by then.
            _log.warning("leases not extended: %s", error.details())
            return
        for result in response.results:
            if held := self._held.get(result.lease_token):
                self._update(held.lease, result.callback)
                if result.cancel_requested or result.lost_reason:
                    held.hang_up.set()


async def _insist(rpc: Any, request: Any, timeout_s: float = _TIMEOUT_S) -> Any:
    """Call until there is a response. Raise what a repetition would not change."""
    while True:
        try:
            return await rpc(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _UNCERTAIN:
                raise
            _log.warning("trying again: %s", error.details())
            await asyncio.sleep(1)


def _channel(options: argparse.Namespace) -> grpc.aio.Channel:
    if options.tls_ca is None and options.cert is None:
        return insecure_channel(options.server, token_file=options.token_file)
    return secure_channel(
        options.server,
        root_certificates=options.tls_ca and options.tls_ca.read_bytes(),
        certificate_chain=options.cert and options.cert.read_bytes(),
        private_key=options.key and options.key.read_bytes(),
        token_file=options.token_file,
    )


async def main() -> int:
    parser = argparse.ArgumentParser(description="An example dialer for Ringback.")
    parser.add_argument("--server", default="127.0.0.1:50051")
    parser.add_argument("--dialer-id", default="example")
    parser.add_argument("--lines", type=int, default=10, help="how many calls at once")
    parser.add_argument("--tls-ca", type=Path, help="use TLS, with a server of the authorities in this file")
    parser.add_argument("--cert", type=Path, help="the certificate of this dialer")
    parser.add_argument("--key", type=Path, help="its key")
    parser.add_argument("--token-file", type=Path, help="has the token of this dialer, and is read for each call")
    parser.add_argument("--plain-token", action="store_true", help="send the token without TLS, too")
    options = parser.parse_args()
    if options.token_file and not (options.tls_ca or options.cert or options.plain_token):
        parser.error("the token would be sent in plain text: give --tls-ca, or allow it with --plain-token")
    async with _channel(options) as channel:
        dialer = Dialer(DialerServiceStub(channel), Telephone(), options.dialer_id, options.lines)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, dialer.stopping.set)
        try:
            await dialer.run()
        except grpc.aio.AioRpcError as refusal:
            _log.error("the server gives no more leases: %s", refusal.details())
            return 1
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    sys.exit(asyncio.run(main()))
