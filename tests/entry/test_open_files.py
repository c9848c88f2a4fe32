"""How many files a process may open, and what of it connections get."""

import os
import sys
from subprocess import run

import pytest

from ringback.entry import open_files


def test_what_is_open_is_counted() -> None:
    before = open_files.count()
    one, other = os.pipe()
    assert open_files.count() == before + 2
    os.close(one)
    os.close(other)


@pytest.mark.parametrize(
    ("limit", "http", "grpc", "grpc_alone"),
    [
        (100, 25, 50, 75),
        (256, 64, 128, 192),
        (1024, 256, 512, 768),
        (65_536, 5_000, 20_000, 20_000),
        (1_048_576, 5_000, 20_000, 20_000),
    ],
)
def test_each_port_has_room_and_so_has_the_server(
    limit: int, http: int, grpc: int, grpc_alone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "limit", lambda: limit)
    assert open_files.most_http_connections() == http
    assert open_files.most_grpc_connections(http=True) == grpc
    assert open_files.most_grpc_connections(http=False) == grpc_alone
    assert http + grpc < limit


_PROGRAM = """
import resource
from ringback.entry import open_files
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, min(most, 500)))
open_files.raise_limit()
print(open_files.limit() == min(most, 500))
"""


def test_the_limit_is_raised_as_far_as_it_may() -> None:
    assert run([sys.executable, "-c", _PROGRAM], capture_output=True, check=True, text=True).stdout == "True\n"


def test_a_process_that_can_open_no_file_counts_as_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> list[str]:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "listdir", fail)
    assert open_files.count() == open_files.limit()
