"""SIGHUP: what a running server reads again, and that it takes all of it or nothing."""

import json
import os
import signal
from hashlib import sha256
from pathlib import Path

import grpc
import pytest

from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.web.door.session_keys import new_session_key
from tests.world.api import Api
from tests.world.http_client import connected
from tests.world.pseudo_terminal import on_terminal
from tests.world.server_process import ServerProcess, serving

pytestmark = pytest.mark.long

ONE, TWO = "1" * 64, "2" * 64


def identity(name: str, token: str) -> str:
    return f"  {name}: {{tokens_sha256: ['{token}'], grants: [{{role: operator}}]}}\n"


class Files:
    """The files of a server, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.access = folder / "access.yaml"
        self.limits = folder / "limits.yaml"
        self.allow(identity("crm", ONE))
        self.limits.write_text("default: {polls: 1}")
        self.options = (
            *("--listen", "127.0.0.1:0", "--database", f"sqlite:///{folder / 'ringback.db'}"),
            *("--access", str(self.access), "--limits", str(self.limits)),
        )

    def allow(self, identities: str, mode: int = 0o600) -> None:
        self.access.write_text(f"identities:\n{identities}")
        self.access.chmod(mode)

    def limit(self, text: str) -> None:
        self.limits.write_text(text)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def hang_up(server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGHUP)


async def test_good_files_are_taken(files: Files) -> None:
    async with serving(*files.options) as server:
        await server.address()
        files.allow(identity("crm", ONE) + identity("pbx", TWO))
        hang_up(server)
        await server.line(r"INFO SIGHUP: read again: access with 2 identities, limits$")
        files.allow(identity("pbx", TWO), 0o644)
        hang_up(server)
        await server.line(r"INFO SIGHUP: read again: access with 1 identity, limits$")
        await server.line(r"WARNING .*access\.yaml: every user of this machine can read who may do what")
        assert await server.stop() == 0


async def test_a_faulty_file_changes_nothing_and_each_fault_is_a_line(files: Files) -> None:
    async with serving(*files.options) as server:
        await server.address()
        files.allow("  crm: {tokens: [x]}\n  '*': {}\n")
        files.limit("default: {polls: 0}\nidentities: {crm: {polls: 5}}")
        hang_up(server)
        await server.line(r"ERROR SIGHUP: nothing was changed, access and limits as before$")
        faults = [line.partition(" ERROR SIGHUP: ")[2].split(": ")[0] for line in server.log if " ERROR " in line]
        assert faults == [f"{files.access}:2"] * 3 + [f"{files.access}:3"] * 3 + [
            f"{files.limits}:1",
            "nothing was changed, access and limits as before",
        ]
        files.allow(identity("crm", ONE))
        files.limit("identities: {crm: {polls: 5}}")
        hang_up(server)
        await server.line(r"INFO SIGHUP: read again: access with 1 identity, limits$")


@pytest.mark.parametrize("text", ["", "# nothing\n", "identities: {}\n", "identities:\n"])
async def test_an_empty_file_changes_nothing(files: Files, text: str) -> None:
    async with serving(*files.options) as server:
        await server.address()
        rewrite(files.access, text)
        hang_up(server)
        await server.line(r"ERROR SIGHUP: nothing was changed")
        assert await server.stop() == 0


def rewrite(path: Path, text: str | None, *, missing: bool = False) -> None:
    path.unlink(missing_ok=missing)
    if text is not None:
        path.write_text(text)


async def test_a_file_that_is_gone_changes_nothing(files: Files) -> None:
    async with serving(*files.options) as server:
        await server.address()
        rewrite(files.access, None)
        hang_up(server)
        await server.line(rf"ERROR SIGHUP: --access: {files.access}: No such file or directory$")
        await server.line(r"ERROR SIGHUP: nothing was changed")
        assert await server.stop() == 0


@pytest.mark.parametrize("name", ["access", "limits"])
async def test_a_pipe_in_the_place_of_a_file_changes_nothing_and_holds_nothing_up(files: Files, name: str) -> None:
    path: Path = getattr(files, name)
    async with serving(*files.options) as server:
        await server.address()
        rewrite(path, None)
        os.mkfifo(path)
        hang_up(server)
        await server.line(rf"ERROR SIGHUP: {path}: is a pipe, which is read at the start only$")
        await server.line(r"ERROR SIGHUP: nothing was changed")
        rewrite(path, None)
        files.limit("default: {polls: 1}")
        files.allow(identity("crm", ONE) + identity("pbx", TWO))
        hang_up(server)
        await server.line(r"INFO SIGHUP: read again: access with 2 identities, limits$")
        assert await server.stop() == 0


async def test_a_limits_file_with_an_identity_that_the_access_file_lost_changes_nothing(files: Files) -> None:
    files.limit("identities: {crm: {polls: 5}}")
    async with serving(*files.options) as server:
        await server.address()
        files.allow(identity("pbx", TWO))
        hang_up(server)
        await server.line(
            rf"ERROR SIGHUP: --limits: {files.limits}:1: identities.crm: is no identity of the access file$"
        )
        await server.line(r"ERROR SIGHUP: nothing was changed")


async def test_many_requests_at_once_read_what_is_there_at_last(files: Files) -> None:
    async with serving(*files.options) as server:
        await server.address()
        for count in range(1, 30):
            files.allow("".join(identity(f"i{number}", f"{number:064x}") for number in range(count)))
            hang_up(server)
        await server.line(r"INFO SIGHUP: read again: access with 29 identities, limits$")


async def test_a_server_without_files_goes_on(tmp_path: Path) -> None:
    options = ("--listen", "127.0.0.1:0", "--database", f"sqlite:///{tmp_path / 'ringback.db'}", "--limits", "off")
    async with serving(*options) as server:
        await server.address()
        hang_up(server)
        await server.line(r"INFO SIGHUP: no file was given that is read again$")
        assert await server.stop() == 0


@pytest.mark.parametrize("command", [("serve", "--listen", "127.0.0.1:0"), ("demo",)])
async def test_a_terminal_that_is_closed_ends_what_was_started_in_it(tmp_path: Path, command: tuple[str, ...]) -> None:
    database = f"sqlite:///{tmp_path / 'ringback.db'}"
    async with on_terminal(*command, RINGBACK_DATABASE="" if command == ("demo",) else database) as terminal:
        await terminal.until(lambda text: "listen" in text)
        terminal.close()
        await terminal.process.wait()


# --- What the calls of clients notice --------------------------------------------------------------------------------


def allow_tokens(files: Files, **tokens: str) -> None:
    files.allow("".join(identity(name, sha256(token.encode()).hexdigest()) for name, token in tokens.items()))


async def list_services(api: Api, token: str) -> grpc.StatusCode:
    try:
        await api.directory.ListServices(
            directory_pb.ListServicesRequest(), metadata=(("authorization", f"Bearer {token}"),)
        )
    except grpc.aio.AioRpcError as refusal:
        return refusal.code()
    return grpc.StatusCode.OK


async def test_a_token_is_accepted_and_revoked_by_a_reload_and_a_faulty_file_does_neither(files: Files) -> None:
    allow_tokens(files, crm="old")
    async with serving(*files.options) as server, Api.at(await server.address()) as api:
        assert await list_services(api, "new") is grpc.StatusCode.UNAUTHENTICATED
        allow_tokens(files, crm="old", crm2="new")
        hang_up(server)
        await server.line("SIGHUP: read again: access with 2 identities")
        assert await list_services(api, "old") is grpc.StatusCode.OK
        assert await list_services(api, "new") is grpc.StatusCode.OK
        for text in ("", "identities: {}", "identities: {crm: {tokens: [new]}}"):
            rewrite(files.access, text)
            server.log.clear()
            hang_up(server)
            await server.line("SIGHUP: nothing was changed")
            assert await list_services(api, "old") is grpc.StatusCode.OK
        allow_tokens(files, crm="new")
        hang_up(server)
        await server.line("SIGHUP: read again: access with 1 identity,")
        assert await list_services(api, "old") is grpc.StatusCode.UNAUTHENTICATED
        assert await list_services(api, "new") is grpc.StatusCode.OK


async def test_a_watch_ends_with_the_token_that_opened_it(files: Files) -> None:
    allow_tokens(files, crm="old", ops="other")
    async with serving(*files.options) as server, Api.at(await server.address()) as api:
        streams = {
            token: api.callbacks.WatchCallbacks(
                pb.WatchCallbacksRequest(), metadata=(("authorization", f"Bearer {token}"),)
            )
            for token in ("old", "other")
        }
        for stream in streams.values():
            await stream.read()
        allow_tokens(files, crm="new", ops="other")
        hang_up(server)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await streams["old"].read()
        assert ended.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert not streams["other"].done()


async def test_services_are_applied_at_the_start_although_calls_need_credentials(files: Files) -> None:
    allow_tokens(files, ops="secret")
    services = files.limits.with_name("services.yaml")
    rewrite(services, "- sip_address: sip:support@cc.example\n", missing=True)
    async with serving(*files.options, "--services", str(services)) as server, Api.at(await server.address()) as api:
        assert await list_services(api, "nothing") is grpc.StatusCode.UNAUTHENTICATED
        response = await api.directory.ListServices(
            directory_pb.ListServicesRequest(), metadata=(("authorization", "Bearer secret"),)
        )
    assert [service.sip_address for service in response.services] == ["sip:support@cc.example"]


async def test_keys_of_sessions_are_replaced_one_after_the_other(files: Files) -> None:
    allow_tokens(files, board="secret")
    keys = files.limits.with_name("session.keys")
    old, new = new_session_key(), new_session_key()

    def write(*texts: str, mode: int = 0o600) -> None:
        keys.write_text("\n".join(texts) + "\n")
        keys.chmod(mode)

    write(old)
    http = ("--http", "127.0.0.1:0", "--http-session-key", str(keys))
    async with serving(*files.options, *http) as server:
        port = int((await server.http_address()).rpartition(":")[2])

        async def identity_of(cookie: str) -> str:
            async with connected(port) as client:
                response = await client.get("/session", {"cookie": cookie})
                return str(json.loads(response.body)["identity"])

        async with connected(port) as client:
            body = b'{"token": "secret"}'
            response = await client.request("POST", "/session", body, {"content-type": "application/json"})
        cookie = response.headers["set-cookie"].partition(";")[0]
        for texts, mode in (((new, old), 0o604), ((new, old, "x"), 0o600), ((), 0o600)):
            server.log.clear()
            write(*texts, mode=mode)
            hang_up(server)
            await server.line("ERROR SIGHUP: nothing was changed")
            assert not [line for line in server.log if old in line or new in line]
        write(new, old)
        hang_up(server)
        await server.line("SIGHUP: read again: .*http_session_key")
        assert await identity_of(cookie) == "board"
        server.log.clear()
        write(new)
        hang_up(server)
        await server.line("SIGHUP: read again: .*http_session_key")
        assert await identity_of(cookie) == ""
