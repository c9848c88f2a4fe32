"""`ringback sip call`: one call, placed by this process, with its messages shown as they come."""

import asyncio
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from textwrap import indent
from types import MappingProxyType
from typing import Final
from uuid import uuid4

import click
from msgspec.structs import replace

from ringback.cli.params import Parsed
from ringback.cli.settings.flags import config_option, sip_options
from ringback.cli.sip_endpoint import endpoint_of, sip_settings_of
from ringback.cli.sip_ladder import AGENT, TARGET, Ladder
from ringback.cli.streams import INTERRUPTED
from ringback.cli.values import parse_span
from ringback.config import Settings
from ringback.dialers.sip.messages.trace import Trace, TracedMessage
from ringback.dialers.sip.sip_dialer import SipDialer
from ringback.domain.callback import Callback, State
from ringback.domain.dial_rules import DialRules, host_of, judge
from ringback.domain.masking import mask_numbers
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.service import FirstLeg, Service
from ringback.domain.target import InvalidTarget, Target
from ringback.ports.dialer import HandedOver, NotDialled, OutcomeReport

# 2 is that of wrong arguments, as for all commands.
_ANSWERED, _NOT_ANSWERED, _NOT_POSSIBLE, _AGENT_NOT_REACHED = 0, 3, 4, 5
EXIT_CODES: Final[Mapping[Outcome, int]] = MappingProxyType(
    {
        Outcome.ANSWERED: _ANSWERED,
        Outcome.MACHINE: _ANSWERED,
        Outcome.BUSY: _NOT_ANSWERED,
        Outcome.NO_ANSWER: _NOT_ANSWERED,
        Outcome.DECLINED: _NOT_ANSWERED,
        Outcome.ABANDONED: _NOT_ANSWERED,
        Outcome.INTERRUPTED: _NOT_ANSWERED,
        Outcome.UNREACHABLE: _NOT_POSSIBLE,
        Outcome.NETWORK_FAILURE: _NOT_POSSIBLE,
        Outcome.INVALID_NUMBER: _NOT_POSSIBLE,
        Outcome.BLOCKED: _NOT_POSSIBLE,
        Outcome.NOT_AUTHORIZED: _NOT_POSSIBLE,
    }
)
# How long both sides may take to confirm the end of the call.
_STOP_S: Final = 2.0


def _parse_address(text: str) -> str:
    try:
        return Target.parse(text).uri
    except InvalidTarget as fault:
        raise ValueError(f"{text!r} {fault}") from None


_ADDRESS: Final = Parsed("uri", _parse_address)


@click.command()
@click.argument("target", type=_ADDRESS)
@click.option("--service", type=_ADDRESS, required=True, metavar="URI", help="On whose behalf the call is made.")
@click.option("--agent", type=_ADDRESS, metavar="URI", help="Where the agents are called, if not at the service.")
@click.option(
    "--ring-timeout",
    type=Parsed("span", parse_span),
    default="30s",
    show_default=True,
    metavar="SPAN",
    help="How long the target's phone may ring.",
)
@click.option("--target-first", is_flag=True, help="Call the target first, and then the agents.")
@click.option("--messages", is_flag=True, help="Show each message whole at the end, without what is secret.")
@config_option
@sip_options
def call(
    target: str,
    service: str,
    agent: str | None,
    ring_timeout: timedelta,
    *,
    target_first: bool,
    messages: bool,
    config: str | None,
    **flags: str | bool | None,
) -> None:
    """Call the agents of a service and TARGET, join them, and show each message. Ctrl-C hangs up.

    Neither a server nor a database takes part. Exit codes: 0 answered, 3 not answered, 4 the target cannot be reached
    or must not be dialled, 5 the agents' side was not reached, 130 hung up with Ctrl-C before an answer.
    """
    settings = sip_settings_of(flags, config)
    if (broken := judge(settings.dial_rules, target)) is not None:
        click.echo(f"Error: the target must not be dialled: {broken}", err=True)
        sys.exit(_NOT_POSSIBLE)
    now = datetime.now(UTC)
    plan = Service(
        service_id=str(uuid4()),
        sip_address=service,
        agent_address=agent or "",
        ring_timeout=ring_timeout,
        first_leg=FirstLeg.TARGET if target_first else FirstLeg.AGENT,
        create_time=now,
        update_time=now,
    )
    sys.exit(asyncio.run(_place(settings, plan, _callback(target, plan, now), messages=messages)))


def _callback(target: str, service: Service, now: datetime) -> Callback:
    request = CallbackRequest(
        target=target, seconds_between_retries=0, service_id=service.service_id, priority=Priority.NORMAL.value
    )
    return Callback(
        callback_id=str(uuid4()),
        service_id=service.service_id,
        request=request,
        dial_target=target,
        max_attempts=1,
        state=State.OFFERED,
        create_time=now,
        update_time=now,
        due_date=now,
        ready_time=now,
        expire_time=now + timedelta(days=1),
    )


class _OneCall:
    """A `Call` without a lease: what is reported is shown, and what is kept is lost with this process."""

    superseded = False

    def __init__(self, callback: Callback, rules: DialRules, screen: "_CallScreen") -> None:
        self.hang_up = screen.hang_up
        self.answered = False
        self._callback = callback
        self._rules = rules
        self._screen = screen

    async def dialing(self, call_ids: Sequence[str] = ()) -> Callback:  # noqa: ARG002 - the ladder has them
        self._screen.note("the target is called")
        return replace(self._callback, state=State.DIALING)

    async def ringing(self) -> None:
        self._screen.note("the target's phone rings")

    async def connected(self) -> None:
        self.answered = True
        self._screen.note("the target has answered")

    async def keep(self, body: bytes) -> None:
        """Keep nothing: nobody would go on with it."""

    def judge_address(self, address: str) -> str:
        broken = self._rules.refused_address(address, host_of(self._callback.dial_target))
        return "" if broken is None else str(broken)


class _CallScreen:
    """The lines of a call. When they cannot be shown any more, the call is hung up: without its end it would go on."""

    def __init__(self, ladder: Ladder) -> None:
        self.hang_up = asyncio.Event()
        self._ladder = ladder
        self._began = time.monotonic()
        self._fault: OSError | None = None

    def line(self, text: str) -> None:
        if self._fault is None:
            try:
                click.echo(text)
            except OSError as fault:
                self._fault = fault
                self.hang_up.set()

    def note(self, text: str) -> None:
        self.line(self._ladder.note(time.monotonic() - self._began, text))

    def show(self, entry: TracedMessage) -> None:
        elapsed_s = time.monotonic() - self._began
        line = self._ladder.line(elapsed_s, sent=entry.direction == "sent", data=entry.data)
        if line is not None:
            self.line(line)

    def on_signal(self) -> None:
        if not self.hang_up.is_set():
            self.note("hung up here")
        self.hang_up.set()

    def check(self) -> None:
        """Raise `BrokenPipeError` if something could not be shown."""
        if self._fault is not None:
            raise BrokenPipeError from self._fault


async def _place(settings: Settings, service: Service, callback: Callback, *, messages: bool) -> int:
    ladder = Ladder(first=TARGET if service.first_leg is FirstLeg.TARGET else AGENT)
    screen = _CallScreen(ladder)
    one_call = _OneCall(callback, settings.dial_rules, screen)
    trace = Trace(numbers=not settings.sip.trace_redact)
    trace.listeners.append(screen.show)
    async with endpoint_of(settings.sip, trace) as endpoint:
        screen.line(ladder.heading)
        dialer = SipDialer(settings.sip, endpoint)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the last one when the terminal is closed
            loop.add_signal_handler(number, screen.on_signal)
        result = await dialer.place(callback, service, one_call)
        await dialer.stop(_STOP_S)
    # For a call that was hung up here, the dialer's reason is that its callback was cancelled, and there is none.
    screen.note(mask_numbers(_in_words(result, has_reason=not screen.hang_up.is_set())))
    if ladder.call_ids:
        screen.note(f"Call-IDs: {ladder.sides}")
    screen.check()
    if messages:
        _show_whole(trace.of(*ladder.call_ids))
    if screen.hang_up.is_set() and not one_call.answered:
        return INTERRUPTED
    return EXIT_CODES[result.outcome] if isinstance(result, OutcomeReport) else _AGENT_NOT_REACHED


def _show_whole(entries: Sequence[TracedMessage]) -> None:
    for entry in entries:
        at = entry.at.isoformat(timespec="milliseconds")
        click.echo(f"\n{at} {entry.direction} {entry.peer}\n{indent(entry.text.strip(), '    ')}")


def _in_words(result: OutcomeReport | NotDialled | HandedOver, *, has_reason: bool) -> str:
    match result:
        case OutcomeReport():
            facts = [
                result.outcome.lower().replace("_", " "),
                f"SIP {result.sip_status}" if result.sip_status else "",
                f"Q.850 cause {result.q850_cause}" if result.q850_cause else "",
                result.detail if has_reason else "",
            ]
            return ", ".join(filter(None, facts))
        case NotDialled():
            return f"the target was not called{f': {result.reason}' if has_reason else ''}"
        case _:
            return "handed over"
