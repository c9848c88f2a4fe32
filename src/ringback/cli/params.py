"""Parameter types and options that several commands share."""

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import click
from click.shell_completion import CompletionItem

from ringback.cli.values import (
    PRIORITIES,
    STATE_NAMES,
    STATES,
    is_guid,
    parse_key,
    parse_moment,
    parse_past,
    parse_states,
    parse_whole,
    timestamp,
)
from ringback.v1 import callback_pb2 as cb


class Parsed(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.3
    """A parameter that a function parses. The function raises `ValueError` for a text that it cannot parse."""

    def __init__(self, name: str, parse: Callable[[str], Any], choices: Iterable[str] = ()) -> None:
        self.name = name
        self._parse = parse
        self._choices = choices

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except UnicodeEncodeError:
            raise
        except ValueError as fault:
            self.fail(str(fault), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """Return the choices that begin with what has been typed."""
        return [CompletionItem(choice) for choice in self._choices if choice.startswith(incomplete.lower())]


def _parse_service(text: str) -> str:
    if not is_guid(text) and not text.lower().startswith(("sip:", "sips:")):
        raise ValueError(f"{text!r} is neither a UUID nor a SIP address")
    return text


def _parse_label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"{text!r} is not KEY=VALUE")
    return key, value


KEY = Parsed("key", parse_key)
MOMENT = Parsed("time", lambda text: timestamp(parse_moment(text, datetime.now(UTC))))
PAST = Parsed("time", lambda text: timestamp(parse_past(text, datetime.now(UTC))))
SERVICE = Parsed("service", _parse_service)
LABEL = Parsed("label", _parse_label)
WHOLE = Parsed("integer", parse_whole)
PRIORITY = Parsed("priority", PRIORITIES.parse, PRIORITIES)
STATES_OF = Parsed("state", parse_states, STATE_NAMES)

MOMENT_METAVAR = "TIME"
PAST_HELP = "2030-01-31T14:00:00Z, or before now: -90s, -10m, -2h."
MOMENT_HELP = "2030-01-31T14:00:00Z, or from now: +90s, +10m, +2h."

etag_option = click.option("--etag", default="", help="Only if this is still the callback's etag.")

_KEY_HELP = """KEY is a callback id, or CALLER/EXTERNAL_ID; /EXTERNAL_ID without a caller.

Write a slash in CALLER as %2F; a blank may be %20. EXTERNAL_ID stands as it is.
"""


def key_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument that names a callback, and what the help says of it."""
    command.__doc__ = f"{inspect.getdoc(command)}\n\n{_KEY_HELP}"
    return click.argument("key", type=KEY, metavar="KEY")(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A filter of callbacks, as the options of `filter_options` give it."""

    keys: tuple[cb.CallbackKey, ...]
    state: tuple[tuple[cb.CallbackState.ValueType, ...], ...]
    service: tuple[str, ...]
    priority: tuple[cb.Priority.ValueType, ...]
    caller: tuple[str, ...]
    supervisor: tuple[str, ...]
    label: tuple[tuple[str, str], ...]
    target: str
    task: tuple[str, ...]
    due_after: Any
    due_before: Any
    ended_after: Any
    ended_before: Any

    def as_filter(self) -> cb.CallbackFilter:
        return cb.CallbackFilter(
            keys=self.keys,
            states=chain.from_iterable(self.state),
            service_ids=[service for service in self.service if is_guid(service)],
            service_sips=[service for service in self.service if not is_guid(service)],
            priorities=self.priority,
            caller_ids=self.caller,
            supervisors=self.supervisor,
            labels=dict(self.label),
            dial_target=self.target,
            due_after=self.due_after,
            due_before=self.due_before,
            external_task_ids=self.task,
            end_after=self.ended_after,
            end_before=self.ended_before,
        )


_FILTER_PARAMETERS = (
    click.argument("keys", type=KEY, nargs=-1, metavar="[KEY]..."),
    click.option(
        "--state",
        type=STATES_OF,
        multiple=True,
        metavar="STATE",
        help=f"One of: {STATES}; or open, which is all that have not ended, or ended.",
    ),
    click.option("--service", type=SERVICE, multiple=True, metavar="UUID|SIP", help="Its UUID or SIP address."),
    click.option("--priority", type=PRIORITY, multiple=True, metavar="PRIORITY", help=f"One of: {PRIORITIES}."),
    click.option("--caller", multiple=True, help="The system that asked."),
    click.option("--supervisor", multiple=True, help="The supervisor in charge."),
    click.option("--label", type=LABEL, multiple=True, metavar="KEY=VALUE", help="All of those given must match."),
    click.option("--target", default="", help="What is dialled."),
    click.option("--due-after", type=MOMENT, metavar=MOMENT_METAVAR, help=f"Due then or later. {MOMENT_HELP}"),
    click.option("--task", multiple=True, metavar="EXTERNAL_ID", help="The external id, of whichever system."),
    click.option("--due-before", type=MOMENT, metavar=MOMENT_METAVAR, help="Due before then."),
    click.option("--ended-after", type=PAST, metavar=MOMENT_METAVAR, help=f"Ended then or later. {PAST_HELP}"),
    click.option("--ended-before", type=PAST, metavar=MOMENT_METAVAR, help="Ended before then."),
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments that choose callbacks; the command gets them as `wanted`.

    Given several times, an option matches any of its values; several options must all match.
    """

    @functools.wraps(command)
    def collect(*args: Any, **options: Any) -> Any:
        chosen = {name: options.pop(name) for name in Wanted.__dataclass_fields__}
        return command(*args, wanted=Wanted(**chosen), **options)

    for parameter in reversed(_FILTER_PARAMETERS):
        collect = parameter(collect)
    collect.__doc__ = f"{inspect.getdoc(command)}\n\n{_KEY_HELP}"
    return collect
