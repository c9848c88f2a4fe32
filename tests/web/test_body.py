"""Bodies of requests, and their limits."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Iterable, MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.web.body import BodyTooLarge, ClientGone, UnsupportedEncoding, read_body

MAX = 1000
BOMB = gzip.compress(bytes(100_000_000), 9)


def _receiving(parts: Iterable[bytes], *, ends: bool = True) -> Any:
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.request" if ends else "http.disconnect", "body": b"", "more_body": False})
    rest = iter(messages)

    async def receive() -> MutableMapping[str, Any]:
        return next(rest)

    return receive


async def _read(body: bytes, *encodings: bytes, size: int = 7) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    headers = [(b"content-type", b"application/json"), *((b"content-encoding", each) for each in encodings)]
    return await read_body(_receiving(parts), headers, MAX)


@given(body=st.binary(max_size=MAX), size=st.integers(1, 400))
async def test_a_body_comes_out_as_it_went_in(body: bytes, size: int) -> None:
    assert await _read(body, size=size) == body
    assert await _read(body, b"identity", size=size) == body
    assert await _read(gzip.compress(body), b"GZIP", size=size) == body
    assert await _read(zlib.compress(body), b"deflate", size=size) == body


@given(bodies=st.lists(st.binary(max_size=100), min_size=1, max_size=5), size=st.integers(1, 400))
async def test_gzip_may_have_several_members(bodies: list[bytes], size: int) -> None:
    """RFC 1952, section 2.2: programs that compress in parallel write them."""
    assert await _read(b"".join(map(gzip.compress, bodies)), b"gzip", size=size) == b"".join(bodies)
    assert await _read(zlib.compress(bodies[0]), b"deflate", size=size) == bodies[0]
    with pytest.raises(UnsupportedEncoding):
        await _read(zlib.compress(bodies[0]) + zlib.compress(b"x"), b"deflate", size=size)


async def test_all_members_count_together() -> None:
    half = gzip.compress(b"x" * (MAX // 2))
    assert len(await _read(half * 2, b"gzip")) == MAX
    for size in (7, 10_000):
        with pytest.raises(BodyTooLarge):
            await _read(half * 2 + gzip.compress(b"x"), b"gzip", size=size)
    with pytest.raises(UnsupportedEncoding):
        await _read(half * 2 + gzip.compress(b"")[:-1], b"gzip")


@pytest.mark.parametrize(("encode", "encoding"), [(bytes, b"identity"), (gzip.compress, b"gzip")])
async def test_a_body_has_a_limit_after_decoding(encode: Any, encoding: bytes) -> None:
    assert len(await _read(encode(b"x" * MAX), encoding)) == MAX
    with pytest.raises(BodyTooLarge):
        await _read(encode(b"x" * (MAX + 1)), encoding)


async def test_a_bomb_is_not_inflated() -> None:
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        await _read(BOMB, b"gzip", size=len(BOMB))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize(
    ("body", "encodings"),
    [
        (b"x", [b"br"]),
        (b"x", [b"zstd"]),
        (gzip.compress(b"x"), [b"gzip", b"gzip"]),
        (gzip.compress(b"x"), [b"gzip, gzip"]),
        (b"no gzip", [b"gzip"]),
        (gzip.compress(b"x" * 50)[:-1], [b"gzip"]),
        (gzip.compress(b"x") + b"more", [b"gzip"]),
        (b"", [b"gzip"]),
    ],
    ids=["br", "zstd", "twice", "twice in one", "no gzip", "cut off", "more", "nothing"],
)
async def test_an_encoding_that_is_not_what_it_says_is_refused(body: bytes, encodings: list[bytes]) -> None:
    with pytest.raises(UnsupportedEncoding):
        await _read(body, *encodings)


async def test_a_client_that_goes_is_no_end_of_a_body() -> None:
    with pytest.raises(ClientGone):
        await read_body(_receiving([b"half"], ends=False), [], MAX)


async def test_a_body_that_does_not_come_is_given_up() -> None:
    async def receive() -> MutableMapping[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    with pytest.raises(ClientGone):
        await read_body(receive, [], MAX, limit_s=0.0)
