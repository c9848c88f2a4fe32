"""`ringback doctor` beside a server, without one, and on what is really broken."""

import asyncio
import json
import os
import socket
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from ringback.app import App
from ringback.storage.sqlite import SqliteStore
from tests.world.api import Api
from tests.world.certificates import DAY, Authority
from tests.world.command_line import environment, run
from tests.world.first_version import copy_of_database
from tests.world.ports import free_port
from tests.world.postgres import Cluster
from tests.world.samples import SERVICE
from tests.world.server_process import serving
from tests.world.zone_files import ZURICH

pytestmark = pytest.mark.long


class Found(NamedTuple):
    """What the command has found: of each check its worst result, and all lines of text."""

    code: int
    results: dict[str, str]
    texts: dict[str, str]


NOW = datetime.now(UTC)
ORDER = ("ok", "warning", "failed")


async def examine(*arguments: str, **settings: str) -> Found:
    ran = await run("doctor", "--json", *arguments, **settings)
    assert ran.err == ""
    shown = json.loads(ran.out)
    results: dict[str, str] = {}
    texts: dict[str, str] = {}
    for each in shown["checks"]:
        name, result = each["check"], each["result"]
        results[name] = max(results.get(name, "ok"), result, key=ORDER.index)
        texts[name] = f"{texts.get(name, '')}{each['text']}; {each['remedy']}\n"
        assert result == "ok" or each["remedy"], name
    assert shown["result"] == max(results.values(), key=ORDER.index)
    return Found(ran.code, results, texts)


def of(path: Path) -> tuple[str, str]:
    return "--database", f"sqlite:///{path}"


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """Make a database that no server uses."""
    path = tmp_path / "ringback.db"
    store = await SqliteStore.open(path)
    await store.put_service(SERVICE)
    await store.close()
    return path


def listen() -> tuple[str, str]:
    return "--listen", f"127.0.0.1:{free_port()}"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- Where all is right ----------------------------------------------------------------------------------------------


async def test_beside_a_server(app: App, api: Api, tmp_path: Path) -> None:
    """Nothing is kept from the server: it writes while its database is looked at."""
    await api.create()
    found, _ = await asyncio.gather(
        examine(*of(tmp_path / "ringback.db"), "--listen", f"127.0.0.1:{app.port}", "--full"), api.create()
    )
    assert found.code == 0
    assert "failed" not in found.results.values()
    assert found.texts["port"].startswith(f"127.0.0.1:{app.port}: a server listens, and is SERVING")
    assert f"as process {os.getpid()}" in found.texts["server"]
    assert found.texts["integrity"].startswith("integrity_check: no damage")
    assert found.results.keys() >= {"program", "clock", "zones", "schema", "events", "services", "space", "dialer"}
    await api.create()


@pytest.mark.parametrize("name", ["ringback.db", "ringback.db-wal", "ringback.db-shm"])
@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_server_whose_file_is_gone(app: App, api: Api, tmp_path: Path, name: str, is_replaced: bool) -> None:
    await api.create()
    file = tmp_path / name
    content = file.read_bytes()
    file.unlink()
    if is_replaced:
        file.write_bytes(content)
    found = await examine(*of(tmp_path / "ringback.db"), "--listen", f"127.0.0.1:{app.port}")
    assert (found.code, found.results["server"]) == (1, "failed")
    assert f"{file} is not what it has open" in found.texts["server"]


async def test_without_a_server_nothing_is_changed_or_left_behind(database: Path) -> None:
    before = contents(database.parent)
    found = await examine(*of(database), *listen(), "--full")
    assert (found.code, found.results["port"], found.results["integrity"]) == (0, "ok", "ok")
    assert "none runs" in found.texts["server"]
    assert contents(database.parent) == before


async def test_after_a_crash_what_is_in_the_log_is_read(tmp_path: Path) -> None:
    async with serving(*of(tmp_path / "ringback.db"), "--listen", "127.0.0.1:0") as server:
        await server.address()
    assert (tmp_path / "ringback.db-wal").exists()
    before = contents(tmp_path)
    found = await examine(*of(tmp_path / "ringback.db"), *listen())
    assert (found.code, found.results["schema"], found.results["integrity"]) == (0, "ok", "ok")
    after = contents(tmp_path)
    assert {name: after[name] for name in before if not name.endswith("-shm")} == {
        name: content for name, content in before.items() if not name.endswith("-shm")
    }


async def test_lines_for_people(database: Path) -> None:
    ran = await run("doctor", *of(database), *listen())
    *lines, summary = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert all(line.split()[0] in ("ok", "warning") for line in lines)
    assert summary.endswith("0 failed")
    assert summary.split()[0] == str(sum(line.startswith("ok ") for line in lines))


# --- The database ----------------------------------------------------------------------------------------------------


async def test_no_database_yet(tmp_path: Path) -> None:
    found = await examine(*of(tmp_path / "ringback.db"), *listen())
    assert (found.code, found.results["database"]) == (0, "warning")
    assert contents(tmp_path) == {}
    found = await examine(*of(tmp_path / "gone/ringback.db"), *listen())
    assert (found.code, found.results["database"]) == (1, "failed")


def damage(path: Path) -> None:
    """Overwrite the beginning of each page but the first."""
    content = bytearray(path.read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)


async def test_a_corrupt_page(database: Path) -> None:
    damage(database)
    found = await examine(*of(database), *listen())
    assert (found.code, found.results["integrity"]) == (1, "failed")
    assert "docs/backup.md" in found.texts["integrity"]


async def test_an_index_without_its_row_is_found_by_full(database: Path) -> None:
    """An index that leads to another tree, as after a fault of the disk: quick_check does not compare it with rows."""
    with sqlite3.connect(database) as other:
        (number,) = other.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_service_1'"
        ).fetchone()
        other.execute("PRAGMA writable_schema = ON")
        other.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'sqlite_autoindex_service_2'", (number,))
    other.close()
    found = await examine(*of(database), *listen(), "--full")
    assert (found.code, found.results["integrity"]) == (1, "failed")


async def test_an_older_schema(tmp_path: Path) -> None:
    """It says so, and leaves it as it is."""
    path = copy_of_database(tmp_path)
    before = path.read_bytes()
    found = await examine(*of(path), *listen())
    assert (found.code, found.results["schema"]) == (0, "warning")
    assert "backup" in found.texts["schema"]
    assert path.read_bytes() == before


async def test_a_newer_schema(database: Path) -> None:
    with sqlite3.connect(database) as newer:
        newer.execute("PRAGMA user_version = 999")
    newer.close()
    found = await examine(*of(database), *listen())
    assert (found.code, found.results["schema"]) == (1, "failed")


@pytest.mark.parametrize("content", [b"To whom it may concern\n" * 100, b"", None])
async def test_a_file_that_is_no_database_of_ours(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ringback.db"
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE invoice (id INTEGER)")
        other.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    found = await examine(*of(path), *listen())
    assert (found.code, found.results["database"]) == (1, "failed")
    assert path.read_bytes() == before


async def test_a_database_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "ringback.db").mkdir()
    found = await examine(*of(tmp_path / "ringback.db"), *listen())
    assert (found.code, found.results["settings"]) == (1, "failed")
    assert "ringback.db' is a folder, and no file" in found.texts["settings"]


async def test_others_can_read_the_database(database: Path) -> None:
    os.chmod(database, 0o644)  # noqa: PTH101 - it takes no time
    found = await examine(*of(database), *listen())
    assert (found.code, found.results["files"]) == (0, "warning")
    assert f"chmod go= {database}" in found.texts["files"]


async def test_a_full_disk(tmp_path: Path) -> None:
    doctor = f"{sys.executable} -m ringback doctor --json --database sqlite:///{tmp_path}/x.db"
    command = f"mount -t tmpfs -o size=1m none {tmp_path} && exec {doctor}"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "--map-root-user", "sh", "-c", command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    out, err = await process.communicate()
    if process.returncode != 1 or not out:
        pytest.skip(f"no disk of a test's own can be mounted here: {err.decode().strip()}")
    results = {each["check"]: each["result"] for each in json.loads(out)["checks"]}
    assert (results["space"], results["file system"]) == ("failed", "warning")


async def test_a_service_whose_zone_is_corrupt(app: App, api: Api, tmp_path: Path) -> None:
    await api.add_service("sip:zurich@cc.example", time_zone="Europe/Zurich")
    folder = tmp_path / "zones"
    (folder / "Europe").mkdir(parents=True)
    (folder / "Europe/Zurich").write_bytes(ZURICH[:100])
    found = await examine(*of(tmp_path / "ringback.db"), *listen(), PYTHONTZPATH=str(folder))
    assert (found.code, found.results["services"], found.results["zones"]) == (1, "failed", "failed")
    assert "Europe/Zurich of sip:zurich@cc.example" in found.texts["services"]


# --- Ports and certificates ------------------------------------------------------------------------------------------


@pytest.fixture
def other_program() -> Iterator[int]:
    """Have another program listen, which closes what connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_port_of_another_program(other_program: int, tmp_path: Path) -> None:
    found = await examine(*of(tmp_path / "x.db"), "--listen", f"127.0.0.1:{other_program}")
    assert (found.code, found.results["port"]) == (1, "failed")
    assert "taken by a program" in found.texts["port"]


async def test_the_http_port(other_program: int, tmp_path: Path) -> None:
    ports = free_port(), free_port()
    there = (*of(tmp_path / "ringback.db"), "--listen", f"127.0.0.1:{ports[0]}", "--http")
    assert "free" in (await examine(*there, f"127.0.0.1:{ports[1]}")).texts["HTTP port"]
    async with serving(*there, f"127.0.0.1:{ports[1]}") as server:
        await server.address()
        found = await examine(*there, f"127.0.0.1:{ports[1]}")
        assert (found.code, found.results["HTTP port"]) == (0, "ok")
        assert "SERVING" in found.texts["HTTP port"]
        # What speaks gRPC alone, and what closes each connection.
        for port in (ports[0], other_program):
            found = await examine(*there, f"127.0.0.1:{port}")
            assert (found.code, found.results["HTTP port"]) == (1, "failed")


async def test_an_address_of_another_machine(tmp_path: Path) -> None:
    found = await examine(*of(tmp_path / "x.db"), "--listen", f"192.0.2.1:{free_port()}", "--insecure", "--open")
    assert (found.code, found.results["port"]) == (1, "failed")


@pytest.mark.long
async def test_unix_sockets(tmp_path: Path) -> None:
    path = tmp_path / "s"
    there = ("--listen", f"unix:{path}", *of(tmp_path / "ringback.db"))
    assert (await examine(*there)).results["port"] == "ok"
    async with serving(*there) as server:
        await server.address()
        assert "SERVING" in (await examine(*there)).texts["port"]
    assert "left behind" in (await examine(*there)).texts["port"]
    path.unlink()
    path.write_text("x")
    assert (await examine(*there)).results["port"] == "failed"


@pytest.mark.long
async def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    authority = Authority()
    ended = authority.issue("ringback.example", starts=NOW - 90 * DAY, ends=NOW - DAY).write(tmp_path, "ended")
    soon = authority.issue("ringback.example", starts=NOW - 80 * DAY, ends=NOW + 5 * DAY).write(tmp_path, "soon")
    good = authority.issue("ringback.example").write(tmp_path, "good")
    for (cert, key), result in (
        (ended, "failed"),
        (soon, "warning"),
        (good, "ok"),
        ((good[0], soon[1]), "failed"),
        ((tmp_path / "gone.pem", good[1]), "failed"),
    ):
        found = await examine(*of(tmp_path / "x.db"), *listen(), "--tls-cert", str(cert), "--tls-key", str(key))
        assert found.results["certificate"] == result, cert
        assert found.code == (1 if result == "failed" else 0)


@pytest.mark.long
async def test_a_server_with_tls(tmp_path: Path) -> None:
    """Without credentials its certificate is seen, and compared with the file."""
    authority = Authority()
    cert, key = authority.issue("localhost").write(tmp_path)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    files = ("--tls-cert", str(cert), "--tls-key", str(key), "--tls-client-ca", str(tmp_path / "ca.pem"))
    port = free_port()
    there = (*of(tmp_path / "ringback.db"), "--listen", f"127.0.0.1:{port}")
    async with serving(*there, *files) as server:
        await server.address()
        found = await examine(*there, *files)
        assert (found.code, found.results["port"], found.results["client CA"]) == (0, "ok", "ok")
        others = authority.issue("localhost").write(tmp_path, "other")
        found = await examine(*there, "--tls-cert", str(others[0]), "--tls-key", str(others[1]))
        assert (found.code, found.results["port"]) == (0, "warning")
        assert (await examine(*there)).results["port"] == "failed"  # plain text is looked for


async def test_a_program_without_tls(other_program: int, tmp_path: Path) -> None:
    cert, key = Authority().issue("localhost").write(tmp_path)
    there = (*of(tmp_path / "x.db"), "--listen", f"127.0.0.1:{other_program}")
    found = await examine(*there, "--tls-cert", str(cert), "--tls-key", str(key))
    assert (found.code, found.results["port"]) == (1, "failed")


# --- Settings --------------------------------------------------------------------------------------------------------


async def test_settings_that_cannot_be_used(tmp_path: Path) -> None:
    """All faults are told; what does not depend on them is looked at all the same."""
    (tmp_path / "access.yaml").write_text("identities: {crm: {grants: [{role: king}]}}")
    found = await examine("--access", str(tmp_path / "access.yaml"), "--keep-ended-days", "none")
    assert (found.code, found.results["settings"], found.results["program"]) == (1, "failed", "ok")
    assert "king" in found.texts["settings"]
    assert "--keep-ended-days" in found.texts["settings"]
    assert "database" not in found.results


async def test_what_is_no_setting_is_a_fault_of_usage() -> None:
    assert (await run("doctor", "--databse", "x")).code == 2


async def test_nothing_secret_is_told(tmp_path: Path) -> None:
    config = tmp_path / "ringback.yaml"
    config.write_text("database: postgresql://ringback:S3CR3T@127.0.0.1:1/ringback\ndialer: none")
    config.chmod(0o644)
    found = await examine("--config", str(config), *listen())
    assert (found.code, found.results["database"], found.results["secrets"]) == (1, "failed", "warning")
    assert "S3CR3T" not in str(found)
    assert f"chmod o-rw {config}" in found.texts["secrets"]


async def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    cert, key = Authority().issue("localhost").write(tmp_path)
    key.chmod(0o644)
    found = await examine(*of(tmp_path / "x.db"), *listen(), "--tls-cert", str(cert), "--tls-key", str(key))
    assert (found.code, found.results["secrets"]) == (0, "warning")


async def test_a_gateway_that_is_away(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef")
    secret.chmod(0o600)
    there = ("--dialer", "http", "--http-dialer-secret-file", str(secret), "--http-dialer-url")
    found = await examine(*of(tmp_path / "x.db"), *listen(), *there, f"http://127.0.0.1:{free_port()}/calls")
    assert (found.code, found.results["dialer"]) == (1, "failed")


async def test_a_collector_that_is_away(other_program: int, tmp_path: Path) -> None:
    """The server goes on without it."""
    there = (*of(tmp_path / "x.db"), *listen(), "--traces", "otlp")
    away = await examine(*there, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert (away.code, away.results["traces"]) == (0, "warning")
    found = await examine(*there, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{other_program}")
    assert (found.code, found.results["traces"]) == (0, "ok")


async def test_a_trunk_that_is_away(tmp_path: Path) -> None:
    proxy = f"sip:127.0.0.1:{free_port()};transport=tcp"
    there = ("--dialer", "sip", "--sip-listen", "127.0.0.1:0", "--sip-proxy", proxy)
    found = await examine(*of(tmp_path / "x.db"), *listen(), *there)
    assert (found.code, found.results["SIP OPTIONS"]) == (1, "failed")


@pytest.mark.long
async def test_what_does_not_end_in_time(tmp_path: Path) -> None:
    """A program listens, and says nothing; the others are told all the same."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = ("--listen", f"127.0.0.1:{silent.getsockname()[1]}", "--check-timeout", "1.5")
        found = await examine(*of(tmp_path / "x.db"), *there)
    assert (found.code, found.results["port"], found.results["dialer"]) == (1, "failed", "ok")
    assert "was not found out within 1.5 s" in found.texts["port"]


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster.start({})
    yield cluster
    cluster.destroy()


async def test_postgresql(cluster: Cluster) -> None:
    url = cluster.new_database()
    empty = await examine("--database", url, *listen())
    assert (empty.code, empty.results["schema"]) == (0, "warning")
    port = free_port()
    there = ("--database", url, "--listen", f"127.0.0.1:{port}")
    async with serving(*there) as server:
        await server.address()
        found = await examine(*there)
        assert found.code == 0
        assert {found.results[name] for name in ("database", "schema", "rights", "durability", "services")} == {"ok"}
        assert "SERVING" in found.texts["port"]
        name = url.rpartition("/")[2]
        cluster.execute("CREATE ROLE reader LOGIN")
        denied = await examine("--database", f"postgresql://reader@127.0.0.1:{cluster.port}/{name}", *listen())
        assert (denied.code, denied.results["database"]) == (1, "failed")
        cluster.execute("GRANT SELECT ON ringback TO reader", name)
        denied = await examine("--database", f"postgresql://reader@127.0.0.1:{cluster.port}/{name}", *listen())
        assert (denied.code, denied.results["rights"]) == (1, "failed")
        assert "asked_for, callback, " in denied.texts["rights"]


async def test_postgresql_with_a_table_of_another_program_beside_ours(cluster: Cluster) -> None:
    url = cluster.new_database()
    name = url.rpartition("/")[2]
    cluster.execute("CREATE ROLE server LOGIN")
    cluster.execute("GRANT CREATE ON SCHEMA public TO server", name)
    there = ("--database", f"postgresql://server@127.0.0.1:{cluster.port}/{name}", *listen())
    async with serving(*there) as server:
        await server.address()
    cluster.execute("CREATE TABLE spatial_ref_sys (id integer)", name)
    found = await examine(*there)
    assert (found.code, found.results["rights"]) == (0, "ok")


async def test_postgresql_of_another_program(cluster: Cluster) -> None:
    url = cluster.new_database()
    cluster.execute("CREATE TABLE invoice (id integer)", url.rpartition("/")[2])
    found = await examine("--database", url, *listen())
    assert (found.code, found.results["database"]) == (1, "failed")


@pytest.mark.long
async def test_postgresql_hangs(cluster: Cluster) -> None:
    cluster.suspend()
    try:
        found = await examine("--database", cluster.url(), *listen(), "--check-timeout", "3")
    finally:
        cluster.resume()
    assert (found.code, found.results["database"], found.results["port"]) == (1, "failed", "ok")


async def test_postgresql_is_down() -> None:
    found = await examine("--database", f"postgresql://ringback@127.0.0.1:{free_port()}/ringback", *listen())
    assert (found.code, found.results["database"]) == (1, "failed")
