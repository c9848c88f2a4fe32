"""RPCs are counted by name, edge and status, and only names that exist become labels."""

from ringback.metrics.rpcs import RpcFigures
from tests.world.scraped import Scraped


def test_calls_are_counted_and_timed() -> None:
    figures = RpcFigures()
    figures.on_end("CreateCallback", "grpc", "OK", None, 0.003)
    figures.on_end("CreateCallback", "grpc", "OK", None, 0.3)
    figures.on_end("CreateCallback", "rest", "INVALID_ARGUMENT", None, 0.0001)
    scraped = Scraped.of(figures.collect())
    assert scraped.value("ringback_rpcs_total", rpc="CreateCallback", edge="grpc", code="OK") == 2
    assert scraped.value("ringback_rpcs_total", rpc="CreateCallback", edge="rest", code="INVALID_ARGUMENT") == 1
    seconds = {"rpc": "CreateCallback", "edge": "grpc"}
    assert scraped.value("ringback_rpc_duration_seconds_bucket", **seconds, le="0.0025") == 0
    assert scraped.value("ringback_rpc_duration_seconds_bucket", **seconds, le="0.005") == 1
    assert scraped.value("ringback_rpc_duration_seconds_count", **seconds) == 2


def test_what_waits_has_no_time() -> None:
    figures = RpcFigures()
    figures.on_end("WatchCallbacks", "connect", "OK", None, 1800.0)
    figures.on_end("LeaseCallbacks", "grpc", "OK", None, 20.0)
    scraped = Scraped.of(figures.collect())
    assert sum(scraped.all_of("ringback_rpcs_total").values()) == 2
    assert not scraped.all_of("ringback_rpc_duration_seconds_count")


def test_names_that_clients_make_up_are_one() -> None:
    figures = RpcFigures()
    for number in range(100):
        figures.on_end(f"Made{number}", "connect", "UNIMPLEMENTED", None, 0.001)
    scraped = Scraped.of(figures.collect())
    assert dict(scraped.all_of("ringback_rpcs_total")) == {
        frozenset({("rpc", "other"), ("edge", "connect"), ("code", "UNIMPLEMENTED")}): 100
    }
