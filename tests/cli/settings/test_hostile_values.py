"""No value of any setting is a crash, or more than a plain line that names the setting; a new setting is tried, too."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.cli.settings.setting import Setting
from ringback.cli.settings.sources import BadSettings, resolve
from ringback.cli.settings.table import SETTINGS
from tests.world.command_line import run

# Digits beyond what Python turns into a number, and lengths of time beyond those of `timedelta`.
NUMBERS = (
    *("nan", "NaN", "-nan", "inf", "-inf", "+Infinity", "-1", "-0.5", "-5s", "1e308", "1e400", "0x10", "1_000", "١٢"),
    *("9" * 400, "9" * 5000, "1" + "0" * 400 + "d", "999999999999d", "99999999999999999999h", "0." + "0" * 400 + "1"),
)
TEXTS = ("\x00", "\x1b[31m", "a\nb", "📞" * 200, "\u202e5", "x" * 100_000, " ", "1 2", "[::1", "a:99999999", "a:-1")
DATABASES = (
    *("postgresql://x:99999999/y", "postgresql://x:nan/y", "postgresql://x:-1/y", "postgresql://a:5432,b:0/y"),
    *(
        "postgresql://[::1]:65536/y",
        "postgresql://u:p@x:1e3/y",
        "sqlite:///a\nb",
        "sqlite:///a\x00b",
        "sqlite:///\u202eb",
    ),
)
NOT_FILES = ("folder", "socket", "pipe", "device")


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("RINGBACK_"):
            monkeypatch.delenv(name)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Return what stands where a file is expected."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        yield {"device": Path("/dev/zero"), **{name: tmp_path / name for name in ("folder", "socket", "pipe")}}


def refusal_of(flags: dict[str, str | bool | None]) -> BadSettings | None:
    try:
        resolve(flags, None)
    except BadSettings as refusal:
        return refusal
    return None


def faults_of(setting: Setting, text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the lines with which a value is refused, wherever it comes from; none when it is taken."""
    told: list[str] = []
    sources = [setting.variable] if setting.is_secret else [setting.flag, setting.variable]
    for source in sources:
        with monkeypatch.context() as patch:
            if source == setting.variable:
                if "\0" in text:
                    continue  # no environment can have it
                patch.setenv(setting.variable, text)
            refusal = refusal_of({setting.name: text} if source == setting.flag else {})
        if refusal is not None:
            assert refusal.exit_code == 2
            lines = refusal.message.split("\n")
            assert any(line.startswith(source) for line in lines), lines
            told += lines
    return told


def is_plain(line: str) -> bool:
    return line.isprintable() and len(line) < 1500 and "Traceback" not in line


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.name)
def test_no_value_is_more_than_a_plain_line(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (*NUMBERS, *TEXTS, *DATABASES):
        told = faults_of(setting, text, monkeypatch)
        assert all(map(is_plain, told)), (text[:40], told)
        if setting.kind.limits:
            assert told, f"{text[:40]!r} was taken"


@pytest.mark.parametrize("text", DATABASES)
def test_a_location_that_is_no_database_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults_of(SETTINGS["database"], text, monkeypatch)


@pytest.mark.parametrize("kind", NOT_FILES)
def test_what_is_no_file_is_no_database(kind: str, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    told = faults_of(SETTINGS["database"], f"sqlite:///{places[kind]}", monkeypatch)
    assert told == [
        f"{at}: 'sqlite:///{places[kind]}' is a {kind}, and no file" for at in ("--database", "RINGBACK_DATABASE")
    ]


@pytest.mark.parametrize(
    "name", [row.name for row in SETTINGS.values() if row.kind.is_read_again or row.name == "services"]
)
@pytest.mark.parametrize("kind", ["folder", "socket", "device"])
def test_what_is_no_file_is_no_file_of_settings(
    name: str, kind: str, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = faults_of(SETTINGS[name], str(places[kind]), monkeypatch)
    assert len(told) == 2
    assert all(map(is_plain, told))


@pytest.mark.parametrize(
    "url", ["postgresql://db.example/x", "postgresql://u:p@a,b:5433/x", "postgres://[::1]:5432/x?a=b:c"]
)
def test_a_right_port_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not faults_of(SETTINGS["database"], url, monkeypatch)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (("--database", "postgresql://x:99999999/y"), "--database: 'postgresql://x:99999999/y' has a port that is "),
        (("--database", "sqlite:///folder"), "--database: 'sqlite:///folder' is a folder, and no file\n"),
        (
            ("--tls-cert", "folder", "--tls-key", "folder"),
            "--tls-cert: folder: cannot be read: it is no regular file\n",
        ),
        (("--services", "folder"), "--services: folder: Is a directory\n"),
        (("--config", "folder"), "folder: Is a directory\n"),
        (("--lame-duck", "nan"), "--lame-duck: 'nan' is no length of time from "),
    ],
)
async def test_the_server_says_so_and_ends_with_2(
    places: dict[str, Path], options: tuple[str, ...], fault: str
) -> None:
    assert places
    ran = await run("serve", "--listen", "127.0.0.1:0", *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(fault)
    assert ran.err.count("\n") == 1
