"""`ringback config`, and `serve` with a config file, as processes of their own."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringback.cli.settings.table import SETTINGS
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import Api
from tests.world.command_line import run, start

FILE = """
listen: 127.0.0.1:0
database: sqlite:///data.db
dialer: none
services:
  - sip_address: sip:support@cc.example
    max_concurrent_calls: 7
"""


@asynccontextmanager
async def serving(*arguments: str, **settings: str) -> AsyncIterator[Api]:
    """Serve until the block ends; the server has to end with 0 then."""
    process = await start("serve", *arguments, **settings)
    assert process.stderr is not None
    line = ""
    while "listening on" not in line:
        line = (await process.stderr.readline()).decode()
        assert line, "the server ended"
    async with Api.connect(int(line.rpartition(":")[2])) as api:
        yield api
    process.send_signal(signal.SIGTERM)
    assert (await process.communicate()) is not None
    assert process.returncode == 0


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ringback.yaml"
    path.write_text(FILE)
    return path


async def test_a_server_from_a_file(file: Path) -> None:
    async with serving("--config", str(file)) as api:
        response = await api.directory.ListServices(pb.ListServicesRequest())
    (service,) = response.services
    assert (service.sip_address, service.max_concurrent_calls) == ("sip:support@cc.example", 7)
    # A relative path starts at the folder of the file.
    assert file.with_name("data.db").exists()


async def test_flag_and_environment_go_before_the_file(file: Path) -> None:
    own, services = file.with_name("own.db"), file.with_name("services.yaml")
    services.write_text("- sip_address: sip:sales@cc.example")
    flags = ("--database", f"sqlite:///{own}")
    async with serving(*flags, RINGBACK_CONFIG=str(file), RINGBACK_SERVICES=str(services)) as api:
        response = await api.directory.ListServices(pb.ListServicesRequest())
    assert [service.sip_address for service in response.services] == ["sip:sales@cc.example"]
    assert own.exists()
    assert not file.with_name("data.db").exists()


@pytest.mark.long
async def test_what_cannot_be_used_starts_nothing(tmp_path: Path) -> None:
    """Each is refused with exit code 2 and one plain line with its place, by `serve` and by `config check`."""
    contents = {
        "wrong": (b"insecure: maybe", 1),
        "nan": (b"\nsimulated_ring: nan", 2),
        "inf": (b"keep_ended_days: .inf", 1),
        "empty": (b"", 1),
        "latin": (b"# \n# \xe9", 2),
        "bomb": (b"a: &a [x]\nb: [*a, *a]", 1),
        "list": (b"- listen: 127.0.0.1:0", 1),
        "service": (b"services:\n- {sip_address: 'sip:a@b.example', ring_timeout: 1h}", 2),
        "unknown": (b"lisen: 127.0.0.1:0", 1),
        "twice": (b"dialer: none\ndialer: none", 2),
    }
    for name, (content, _) in contents.items():
        (tmp_path / name).write_bytes(content)
    database = f"sqlite:///{tmp_path}/never.db"
    for command in (("serve", "--listen", "127.0.0.1:0", "--config"), ("config", "check")):
        ran = await asyncio.gather(
            *(run(*command, str(tmp_path / name), RINGBACK_DATABASE=database) for name in contents)
        )
        for (name, (_, line)), (code, out, err) in zip(contents.items(), ran, strict=True):
            assert (code, out) == (2, ""), name
            (fault,) = err.splitlines()
            assert fault.startswith(f"{tmp_path / name}:{line}: ")
    assert names_in(tmp_path) == contents.keys()


@pytest.mark.parametrize("path", ["none.yaml", "."])
async def test_no_file_or_none_that_can_be_read(tmp_path: Path, path: str) -> None:
    served, checked = await asyncio.gather(
        run("serve", "--config", str(tmp_path / path)), run("config", "check", str(tmp_path / path))
    )
    assert served == checked
    assert (served.code, served.out, len(served.err.splitlines())) == (2, "", 1)
    assert served.err.startswith(f"{tmp_path / path}: ")


async def test_flags_are_refused_as_the_file_is(tmp_path: Path) -> None:
    """A number that is none ended the server with a traceback."""
    bad = ("--simulated-ring", "nan", "--simulated-talk", "inf", "--keep-ended-days", "1e300", "--lame-duck", "-1")
    ran = await run("serve", *bad, RINGBACK_DATABASE=f"sqlite:///{tmp_path}/never.db", RINGBACK_INSECURE="maybe")
    assert (ran.code, ran.out) == (2, "")
    places = [line.split(": ")[0] for line in ran.err.splitlines()]
    assert places == ["RINGBACK_INSECURE", *bad[::2]]
    assert names_in(tmp_path) == set()


async def test_check_takes_flags_and_environment_into_account(file: Path) -> None:
    reachable = ("config", "check", str(file), "--listen", "0.0.0.0:0")
    alone, allowed, named = await asyncio.gather(
        run(*reachable),
        run(*reachable, RINGBACK_INSECURE="yes", RINGBACK_OPEN="yes"),
        run("config", "check", RINGBACK_CONFIG=str(file)),
    )
    assert (alone.code, alone.err.split(": ")[0]) == (2, "--listen")
    assert allowed == named == (0, f"{file}: no faults, 1 service\n", "")


async def test_show_says_where_each_value_comes_from(file: Path) -> None:
    ran = await run("config", "show", "--config", str(file), "--simulated-talk", "10m", RINGBACK_DIALER="simulated")
    assert (ran.code, ran.err) == (0, "")
    rows = {line.split()[0]: re.split(" {2,}", line.strip())[1:] for line in ran.out.splitlines()[1:]}
    assert rows.keys() == {"config", *(name for name, setting in SETTINGS.items() if not setting.section)}
    assert rows["config"] == [str(file), "flag --config"]
    assert rows["listen"] == ["127.0.0.1:0", f"file {file}:2"]
    assert rows["dialer"] == ["simulated", "environment RINGBACK_DIALER"]
    assert rows["services"] == ["sip:support@cc.example", f"file {file}:5"]
    assert rows["simulated_talk"] == ["600 seconds", "flag --simulated-talk"]
    assert rows["insecure"] == ["no", "default"]


async def test_the_section_of_a_dialer_is_shown_when_it_is_used_and_its_password_never(tmp_path: Path) -> None:
    file = tmp_path / "ringback.yaml"
    file.write_text("dialer: sip\nsip: {listen: '127.0.0.1:0', username: pbx}")
    table, objects, unused = await asyncio.gather(
        run("config", "show", "--config", str(file), RINGBACK_SIP_PASSWORD="S3CR3T"),
        run("config", "show", "--json", "--config", str(file), RINGBACK_SIP_PASSWORD="S3CR3T"),
        run("config", "show", "--dialer", "none"),
    )
    rows = {line.split()[0]: re.split(" {2,}", line.strip())[1:] for line in table.out.splitlines()[1:]}
    assert rows["sip.username"] == ["pbx", f"file {file}:2"]
    assert rows["sip.password"] == ["***", "environment RINGBACK_SIP_PASSWORD"]
    shown = json.loads(objects.out)
    assert shown["sip.password"] == {"value": "***", "from": "environment", "where": "RINGBACK_SIP_PASSWORD"}
    assert shown.keys() == {"config", *(setting.key for setting in SETTINGS.values())}
    assert "S3CR3T" not in table.out + objects.out
    assert "sip." not in unused.out


async def test_show_as_json_loses_nothing_where_stdout_is_not_unicode(tmp_path: Path) -> None:
    file = tmp_path / "ü.yaml"
    file.write_text("database: sqlite:///→.db")
    ran = await run("config", "show", "--json", "--config", str(file), PYTHONIOENCODING="latin-1")
    assert json.loads(ran.out)["database"]["value"] == f"sqlite:///{tmp_path}/→.db"


async def test_show_as_json_hides_what_is_secret(tmp_path: Path) -> None:
    url = "postgresql://ringback:S3CR3T@db.example/ringback?sslpassword=S3CR3T&sslmode=require"
    file = tmp_path / "secret.yaml"
    file.write_text(f"database: {url}")
    in_file, in_environment = await asyncio.gather(
        run("--json", "config", "show", "--config", str(file)),
        run("config", "show", RINGBACK_JSON="1", RINGBACK_DATABASE=url),
    )
    shown = json.loads(in_file.out)
    hidden = "postgresql://ringback:***@db.example/ringback?sslpassword=***&sslmode=require"
    assert shown["database"] == {"value": hidden, "from": "file", "where": f"{file}:1"}
    assert shown["keep_ended_days"] == {"value": 30, "unit": "days", "from": "default"}
    assert shown["insecure"] == {"value": False, "from": "default"}
    assert json.loads(in_environment.out)["database"] == {
        "value": hidden,
        "from": "environment",
        "where": "RINGBACK_DATABASE",
    }
