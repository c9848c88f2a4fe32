"""The checker of the transcripts finds what it is for."""

import pytest

from tests.transcripts.document import blocks, with_outputs
from tests.transcripts.sameness import is_enough, is_same, rewritten

PAGE = """\
<!-- quietly: ringback cancel crm/1 -->
```console
$ grpcurl -d '{"key":
    {}}' \\
    localhost:50051 X/Y
one
two

$ ringback list
```

```console
$ make demo
```
"""


def test_commands_end_where_their_quotes_are_closed() -> None:
    block, other = blocks(PAGE)
    assert [command.words for command in block.commands] == [
        ["grpcurl", "-d", '{"key": {}}', "localhost:50051", "X/Y"],
        ["ringback", "list"],
    ]
    assert [command.shown for command in block.commands] == [["one", "two"], []]
    assert [command.line for command in block.commands] == [3, 9]
    assert block.quietly == ["ringback cancel crm/1"]
    assert (block.is_transcript, other.is_transcript) == (True, False)


def test_outputs_are_put_back_where_they_were() -> None:
    block, _ = blocks(PAGE)
    first, second = block.commands
    assert with_outputs(PAGE, [(first, first.shown), (second, [])]) == PAGE
    changed = with_outputs(PAGE, [(first, []), (second, ["three"])])
    assert "X/Y\n\n$ ringback list\nthree\n```\n" in changed


def test_a_command_that_does_not_end_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2: the command does not end"):
        list(blocks("```console\n$ grpcurl '{\n```\n"))


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        (["created  01a20443-887e-75c5-9ab1-564f8106e064"], ["created  01a2049c-3c71-70e2-a0d0-04c4547f0daf  "]),
        (['"endTime": "2026-11-22T18:46:00.610528Z"'], ['"endTime": "2027-01-01T00:00:00Z"']),
        (["2026-11-22 17:16:15,776 INFO stopped"], ["2027-01-01 00:00:00,000 INFO stopped"]),
        (["localhost:50051"], ["localhost:41234"]),
        (["1  busy  2026-11-22T18:46:00.6Z  +0.5s"], ["1  busy  2027-01-01T00:00:00.0Z  +0.7s"]),
        (['"resumeToken": "abc",'], ['"resumeToken": "xyz",']),
        (["one", "…", "four"], ["one", "two", "three", "four"]),
        (["one", "…"], ["one"]),
    ],
)
def test_what_differs_by_nature_is_the_same(shown: list[str], real: list[str]) -> None:
    assert is_same(shown, real)
    assert rewritten(shown, real) == shown


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        (['"state": "QUEUED"'], ['"state": "OFFERED"']),
        (["one"], ["one", "two"]),
        (["one", "two"], ["one"]),
        (["one", "…", "four"], ["one", "two"]),
        (["one", "…", "one"], ["one"]),
    ],
)
def test_anything_else_is_a_difference(shown: list[str], real: list[str]) -> None:
    assert not is_same(shown, real)


def test_what_is_rewritten_keeps_its_length_and_its_times() -> None:
    shown = ["2026-11-22 17:16:15,776 INFO one", "a", "…"]
    real = ["2027-01-01 00:00:00,000 INFO one", "b", "c", "d"]
    assert rewritten(shown, real) == [shown[0], "b", "…"]


def test_a_stream_is_read_as_far_as_it_is_shown() -> None:
    assert is_enough(["one", "two", "…"], ["1", "2"])
    assert not is_enough(["one", "two", "…"], ["1"])
    assert not is_enough(["one", "two"], ["1", "2"])
