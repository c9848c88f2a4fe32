"""Lines that clients can bring about: the first is told, the rest is counted."""

import asyncio

from ringback.entry.few_lines import FewLines


async def test_the_first_is_told_and_the_rest_is_counted_until_the_end_of_the_interval() -> None:
    rests: asyncio.Queue[int] = asyncio.Queue()
    lines = FewLines(rests.put_nowait, interval_s=0)
    assert [lines.is_told() for _ in range(5)] == [True, False, False, False, False]
    assert await rests.get() == 4
    # They come without a pause: nothing but their number is told.
    assert [lines.is_told() for _ in range(3)] == [False, False, False]
    assert await rests.get() == 3


async def test_what_comes_after_a_pause_is_told_again() -> None:
    """Nothing of an interval without lines is told."""
    rests: list[int] = []
    lines = FewLines(rests.append, interval_s=0)
    assert lines.is_told()
    ended = asyncio.Event()
    asyncio.get_running_loop().call_later(0, ended.set)
    await ended.wait()
    assert lines.is_told()
    assert rests == []


async def test_a_stop_tells_what_was_left_out() -> None:
    rests: list[int] = []
    lines = FewLines(rests.append)
    lines.close()
    assert lines.is_told()
    lines.close()
    assert lines.is_told()
    assert not lines.is_told()
    lines.close()
    assert rests == [1]
