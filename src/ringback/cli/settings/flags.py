"""The settings as options of a command."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import click

from ringback.cli.settings.setting import Setting
from ringback.cli.settings.sources import CONFIG_FLAG, CONFIG_VARIABLE
from ringback.cli.settings.table import SETTINGS


class _Flag(click.Option):
    """A flag as it is written. Its environment variable is read by `resolve`, which names the source of each fault."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:  # noqa: ARG002 - click's signature
        return None


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for each setting, whose value is the text that was given, or None."""
    return _with_flags(command, SETTINGS.values())


def sip_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for each setting of the SIP dialer, and for the dial rules, which bind whoever dials."""
    return _with_flags(
        command, [each for each in SETTINGS.values() if each.section == "sip" or each.name == "dial_rules"]
    )


def _with_flags(command: Callable[..., Any], settings: Iterable[Setting]) -> Callable[..., Any]:
    for setting in reversed([*settings]):
        if not setting.is_secret:
            command = _option(setting)(command)
    return command


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config FILE`."""
    return click.option(
        CONFIG_FLAG,
        type=click.Path(),
        metavar="FILE",
        cls=_Flag,
        envvar=CONFIG_VARIABLE,
        help=f"A file with settings; flags and environment variables go before it.  [env var: {CONFIG_VARIABLE}]",
    )(command)


def _option(setting: Setting) -> Callable[..., Any]:
    kind = setting.kind
    notes = [f"env var: {setting.variable}"]
    if setting.default is not None:
        notes.append(f"default: {setting.default}")
    if kind.limits:
        notes.append(kind.limits)
    add = partial(click.option, cls=_Flag, envvar=setting.variable, help=f"{setting.help}  [{'; '.join(notes)}]")
    if kind.is_switch:
        return add(f"{setting.flag}/--no-{setting.flag.removeprefix('--')}", default=None)
    return add(setting.flag, type=kind.click_type, metavar=kind.form)
