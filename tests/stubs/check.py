"""Builds the loops that docs/stubs.md shows for C++ and Ruby, and has each watch over all that ends a stream.

    python tests/stubs/check.py              both languages
    python tests/stubs/check.py ruby         one

A language whose tools are missing (`make -C docs/stubs tools`) is skipped, or is a failure where the environment says
CI=true. Exits with 1 on failure.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import traceback
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import click
import grpc

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callbacks_service_pb2 as pb
from tests.hunts.calls import PATIENCE_S
from tests.hunts.server import ServerProcess
from tests.world.api import ENDED, Api
from tests.world.certificates import Authority
from tests.world.scripted_server import Behaviour, Context, ends, fails, falls_silent, listening

_ROOT: Final = Path(__file__).parents[2]
_SERVICE_CONFIG: Final = _ROOT / "src/ringback/service_config.json"
_TOOLS: Final[Mapping[str, Sequence[str]]] = {
    "cpp": ("g++", "pkg-config", "protoc", "grpc_cpp_plugin"),
    "ruby": ("ruby", "protoc", "grpc_ruby_plugin"),
}
_REFUSALS: Final = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
)


class Watcher:
    """The program of one language, which prints what its loop receives: see docs/stubs/watch.cc."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        # The revisions of each callback, in the order in which they came.
        self.revisions = defaultdict[str, list[int]](list)
        self.tokens: list[str] = []

    @classmethod
    @asynccontextmanager
    async def start(cls, language: str, port: int, limit: int = 0, *credentials: Path) -> AsyncIterator["Watcher"]:
        process = await asyncio.create_subprocess_exec(
            *(_ROOT / "build/stubs" / language / "watch", f"127.0.0.1:{port}", _SERVICE_CONFIG, str(limit)),
            *credentials,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield cls(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def has(self, callback_id: str, revision: int) -> None:
        """Return when that revision has come."""
        async with asyncio.timeout(PATIENCE_S):
            while revision not in self.revisions[callback_id]:
                await self._read()

    async def first_response(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.tokens:
                await self._read()

    async def end(self) -> int:
        """Return the number of the status with which the loop has ended."""
        async with asyncio.timeout(PATIENCE_S):
            while (code := await self._read()) is None:
                pass
            assert await self._process.wait() == 0
        return code

    async def _read(self) -> int | None:
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode()
        match line.split():
            case ["event", callback_id, revision]:
                self.revisions[callback_id].append(int(revision))
            case ["token", token]:
                self.tokens.append(token)
            case ["ended", code]:
                return int(code)
            case _:
                raise AssertionError(f"the program has printed {line!r}")
        return None


async def resumes_over_restarts(language: str) -> None:
    """A server drains, is killed, drains; callbacks that end before the loop is back come too, with all revisions."""
    with tempfile.TemporaryDirectory(prefix="ringback-stubs-") as folder:
        server = ServerProcess(Path(folder), "server", "", ("--dialer", "simulated"))
        await server.start()
        try:
            async with Watcher.start(language, server.port) as watcher:
                await watcher.first_response()
                for stop in (server.drain, server.kill, server.drain):
                    callback_id, last = await _one_callback(server.port)
                    await watcher.has(callback_id, last)
                    await stop()
                    await server.start()
                callback_id, last = await _one_callback(server.port)
                await watcher.has(callback_id, last)
                assert len(watcher.revisions) == 4
                for revisions in watcher.revisions.values():
                    assert list(dict.fromkeys(revisions)) == list(range(1, max(revisions) + 1)), revisions
        finally:
            await server.kill()


async def _one_callback(port: int) -> tuple[str, int]:
    """Have one callback dialled to its end; return its id and last revision."""
    async with Api.connect(port) as api:
        sip_address = f"sip:{os.urandom(4).hex()}@cc.example"
        await api.add_service(sip_address)
        callback_id = (await api.create(service_sip=sip_address)).callback_id
        async with asyncio.timeout(PATIENCE_S):
            async for response in api.callbacks.WatchCallbacks(_watch_of(callback_id)):
                for event in response.events:
                    if event.callback.state in ENDED:
                        return callback_id, event.callback.revision
    raise AssertionError("the watch has ended before the callback")


def _watch_of(callback_id: str) -> pb.WatchCallbacksRequest:
    request = pb.WatchCallbacksRequest(snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED)
    request.filter.keys.add().callback_id = callback_id
    return request


class Script:
    """A server whose streams end as the script says, each after one response with that token, or after none."""

    def __init__(self, *streams: tuple[str, Behaviour]) -> None:
        self._streams = streams
        self.requested: list[str] = []
        self.cancelled = asyncio.Event()

    async def watch(
        self, request: pb.WatchCallbacksRequest, context: Context
    ) -> AsyncIterator[pb.WatchCallbacksResponse]:
        token, end = self._streams[len(self.requested)]
        self.requested.append(request.resume_token)
        try:
            if token:
                yield pb.WatchCallbacksResponse(resume_token=token)
            await end(context)
        except (asyncio.CancelledError, GeneratorExit):  # the latter when it comes before the response is sent
            self.cancelled.set()
            raise


async def resumes_over_every_end_of_a_stream(language: str) -> None:
    """Whatever a stream ends with, the next one continues after the last response."""
    curable = [fails(code) for code in grpc.StatusCode if code not in (*_REFUSALS, grpc.StatusCode.OK)]
    after_a_response = [(f"after-{end.__name__}", end) for end in (ends, *curable)]
    before_any = [("", fails(grpc.StatusCode.UNAVAILABLE)), ("", fails(grpc.StatusCode.CANCELLED)), ("", ends)]
    script = Script(*before_any, *after_a_response, *before_any, ("", fails(grpc.StatusCode.OUT_OF_RANGE)))
    tokens = [token for token, _ in after_a_response]
    async with listening("WatchCallbacks", script.watch) as port, Watcher.start(language, port) as watcher:
        assert await watcher.end() == grpc.StatusCode.OUT_OF_RANGE.value[0]
    assert watcher.tokens == tokens
    assert script.requested == ["", "", "", "", *tokens, *tokens[-1:] * 3]


async def ends_with_a_refusal(language: str) -> None:
    for refusal in _REFUSALS:
        script = Script(("", fails(refusal)))
        async with listening("WatchCallbacks", script.watch) as port, Watcher.start(language, port) as watcher:
            assert await watcher.end() == refusal.value[0]


async def ends_when_the_caller_has_enough(language: str) -> None:
    script = Script(("first", ends), ("second", falls_silent))
    async with listening("WatchCallbacks", script.watch) as port, Watcher.start(language, port, limit=2) as watcher:
        assert await watcher.end() == 0
        async with asyncio.timeout(PATIENCE_S):
            await script.cancelled.wait()


async def sends_the_token_that_is_in_the_file(language: str) -> None:
    """Over TLS; each stream is opened with the token of its moment."""
    authority = Authority()
    issued = authority.issue("localhost", addresses=["127.0.0.1"])
    credentials = grpc.ssl_server_credentials([(issued.key, issued.chain)])
    seen: list[object] = []
    with tempfile.TemporaryDirectory(prefix="ringback-stubs-") as folder:
        roots = _write(folder, "ca.pem", authority.pem)
        token_file = _write(folder, "token", b"first\n")

        async def watch(_: pb.WatchCallbacksRequest, context: Context) -> AsyncIterator[pb.WatchCallbacksResponse]:
            seen.extend(value for name, value in context.invocation_metadata() or () if name == "authorization")
            _write(folder, "token", b"second\n")
            yield pb.WatchCallbacksResponse(resume_token=str(len(seen)))

        async with (
            listening("WatchCallbacks", watch, credentials) as port,
            Watcher.start(language, port, 2, roots, token_file) as watcher,
        ):
            assert await watcher.end() == 0
    assert seen[:2] == ["Bearer first", "Bearer second"], seen


def _write(folder: str, name: str, content: bytes) -> Path:
    path = Path(folder, name)
    path.write_bytes(content)
    return path


_CHECKS: Final = (
    resumes_over_restarts,
    resumes_over_every_end_of_a_stream,
    ends_with_a_refusal,
    ends_when_the_caller_has_enough,
    sends_the_token_that_is_in_the_file,
)


async def _check(language: str) -> bool:
    """Build the program of a language, and check it. Return whether all is well."""
    if missing := [tool for tool in _TOOLS[language] if shutil.which(tool) is None]:
        print(f"{language}: not checked: no {' and no '.join(missing)} on this machine")  # noqa: T201
        return os.environ.get("CI") != "true"
    make = await asyncio.create_subprocess_exec("make", "--silent", "-C", _ROOT / "docs/stubs", language)
    if await make.wait() != 0:
        return False
    passed = True
    for check in _CHECKS:
        try:
            await check(language)
        except Exception:  # noqa: BLE001 - one failure does not stop the others
            traceback.print_exc()
            passed = False
            print(f"FAIL  {language} {check.__name__}")  # noqa: T201
        else:
            print(f"ok    {language} {check.__name__}", flush=True)  # noqa: T201
    return passed


@click.command()
@click.argument("languages", nargs=-1, type=click.Choice(list(_TOOLS)))
def main(languages: Sequence[str]) -> None:
    """Check the loops of LANGUAGES."""

    async def check_all() -> Sequence[bool]:
        return [await _check(language) for language in languages or _TOOLS]

    sys.exit(0 if all(asyncio.run(check_all())) else 1)


if __name__ == "__main__":
    main()
