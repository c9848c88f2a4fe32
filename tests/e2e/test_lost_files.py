"""The files of the database go away under a server, or a second server comes to them, as operators see it."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import grpc
import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, refusal_of
from tests.world.command_line import run
from tests.world.health import NOT_SERVING, SERVING, HealthWatch
from tests.world.mounts import bound
from tests.world.server_process import ServerProcess, serving

pytestmark = pytest.mark.long

# Done to a database in a folder of its own; what is entered is undone when the stack is closed.
Removal = Callable[[Path, ExitStack], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (folder := tmp_path / "data").mkdir()
    return folder / "ringback.db"


def arguments(path: Path, *options: str) -> tuple[str, ...]:
    return ("--listen", "127.0.0.1:0", "--database", f"sqlite:///{path}", *options)


@asynccontextmanager
async def serving_on(path: Path, *options: str) -> AsyncIterator[tuple[ServerProcess, Api]]:
    async with serving(*arguments(path, *options)) as server, Api.at(await server.address()) as api:
        yield server, api


async def refusal(api: Api) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.callbacks.CreateCallback(pb.CreateCallbackRequest(callback_request=api.request()))
    return f"{refused.value.code().name} {refusal_of(refused.value).reason}"


async def found(path: Path) -> set[str]:
    """Return what the next server has."""
    async with serving_on(path, "--dialer", "none", "--must-exist") as (_, api):
        return {callback.callback_id for callback in await api.list_all()}


def delete(path: Path, _: ExitStack) -> None:
    path.unlink()


def replace(path: Path, _: ExitStack) -> None:
    (copy := path.with_name("copy.db")).write_bytes(path.read_bytes())
    copy.rename(path)


def empty(path: Path, _: ExitStack) -> None:
    os.truncate(path, 0)


def empty_log(path: Path, _: ExitStack) -> None:
    os.truncate(f"{path}-wal", 0)


def delete_folder(path: Path, _: ExitStack) -> None:
    shutil.rmtree(path.parent)


def move(path: Path, undo: ExitStack) -> None:
    undo.callback(path.rename(path.with_name("away.db")).rename, path)


def move_folder(path: Path, undo: ExitStack) -> None:
    undo.callback(path.parent.rename(path.parent.with_name("away")).rename, path.parent)


def mount_over(path: Path, undo: ExitStack) -> None:
    (other := path.parent.with_name("other")).mkdir()
    undo.enter_context(bound(other, path.parent))


@pytest.mark.parametrize("remove", [delete, replace, empty, empty_log, delete_folder, move, move_folder, mount_over])
async def test_a_server_without_its_database_serves_no_more(path: Path, remove: Removal) -> None:
    with ExitStack() as undo:
        async with serving_on(path, "--dialer", "none") as (server, api):
            await api.add_service()
            await api.create("sip:a@sim.example")
            remove(path, undo)
            await HealthWatch(api).until(NOT_SERVING)
            assert await refusal(api) == "UNAVAILABLE STORAGE_UNAVAILABLE"
            [told] = [line for line in server.log if "the database does not" in line]
            assert f"WARNING the database does not answer: {path}" in told or f"take writes: {path}" in told
            assert await server.stop() == 0


@pytest.mark.parametrize("remove", [move, move_folder, mount_over])
async def test_it_serves_again_when_the_database_is_back(path: Path, remove: Removal) -> None:
    async with serving_on(path, "--dialer", "none") as (server, api):
        await api.add_service()
        before = await api.create("sip:a@sim.example")
        with ExitStack() as undo:
            remove(path, undo)
            await HealthWatch(api).until(NOT_SERVING)
        await HealthWatch(api).until(SERVING)
        after = await api.create("sip:b@sim.example")
        await server.kill()
    assert await found(path) == {before.callback_id, after.callback_id}


async def test_what_was_deleted_is_saved_from_the_process(path: Path, tmp_path: Path) -> None:
    """As docs/debugging.md tells it."""
    async with serving_on(path, "--dialer", "none") as (server, api):
        await api.add_service()
        ids = {(await api.create(f"sip:{number}@sim.example")).callback_id for number in range(20)}
        delete_folder(path, ExitStack())
        await HealthWatch(api).until(NOT_SERVING)
        save(server.process.pid, tmp_path / "saved")
        await server.stop()
    assert await found(tmp_path / "saved" / path.name) == ids


def save(process: int, folder: Path) -> None:
    folder.mkdir()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        name = descriptor.readlink().name.removesuffix(" (deleted)")
        if name in {"ringback.db", "ringback.db-wal"}:
            (folder / name).write_bytes(descriptor.read_bytes())


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "no lock file", "mount"])
async def test_a_second_server_cuts_no_call_of_the_first(path: Path, tmp_path: Path, kind: str) -> None:
    with ExitStack() as undo:
        async with serving_on(path, "--simulated-ring", "0", "--simulated-talk", "3600") as (server, api):
            await api.add_service()
            callback = await api.create()
            await api.until(callback.callback_id, lambda each: each.state == cb.CALLBACK_STATE_CONNECTED)
            second = second_name(kind, path, tmp_path, undo)
            ran = await run("serve", *arguments(second))
            assert (ran.code, ran.out) == (1, "")
            assert ran.err == f"Error: cannot open {second}: another server is using it\n"
            assert (await api.get(callback.callback_id)).state == cb.CALLBACK_STATE_CONNECTED
            await server.kill()


def second_name(kind: str, path: Path, tmp_path: Path, undo: ExitStack) -> Path:
    """Return another way to the database."""
    link = tmp_path / "link.db"
    match kind:
        case "symbolic link":
            link.symlink_to(path)
            return link
        case "hard link":
            os.link(path, link)
            return link
        case "no lock file":
            path.with_name("ringback.db.lock").unlink()
            return path
        case _:
            return undo.enter_context(bound(path.parent, tmp_path / "mounted")) / path.name


def make_empty(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize("is_there", [False, True])
async def test_a_server_makes_no_database_that_must_exist(path: Path, is_there: bool) -> None:
    if is_there:
        make_empty(path)
    before = sorted(path.parent.iterdir())
    ran = await run("serve", *arguments(path, "--must-exist"))
    assert (ran.code, ran.out) == (1, "")
    reason = "it is empty" if is_there else "there is no such file"
    assert ran.err == f"Error: cannot open {path}: {reason}\n"
    assert sorted(path.parent.iterdir()) == before
