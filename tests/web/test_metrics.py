"""GET /metrics on a real server: what it has, in which format, and who may have it."""

import asyncio
import gzip
import http.client
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.metrics import catalogue
from ringback.metrics.catalogue import MetricType
from ringback.v1 import dialer_service_pb2 as dialer_pb
from tests.world.api import Api
from tests.world.identities import NOBODY, RULES, STRANGER, token_of
from tests.world.scraped import Scraped
from tests.world.secured import Files

_TIMEOUT_S = 20.0


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


async def get(app: App, *, method: str = "GET", tls: ssl.SSLContext | None = None, **headers: str) -> Answer:
    return await asyncio.to_thread(_get, app.edges.web_address, method, tls, headers)


def _get(address: str, method: str, tls: ssl.SSLContext | None, headers: Mapping[str, str]) -> Answer:
    host, _, port = address.rpartition(":")
    if tls is None:
        connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
    else:
        connection = http.client.HTTPSConnection("localhost", int(port), timeout=_TIMEOUT_S, context=tls)
    try:
        connection.request(method, "/metrics", headers={k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http=Listen("127.0.0.1", 0))


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[App]:
    async with await App.start(settings) as app:
        yield app


async def scrape(app: App, tls: ssl.SSLContext | None = None) -> Scraped:
    """Return a scrape that is not of before this call."""
    assert app.edges.http is not None
    app.edges.http.metrics.scrape._kept.clear()
    return Scraped((await get(app, tls=tls)).body.decode())


async def scrape_with(
    app: App, name: str, tls: ssl.SSLContext | None = None, value: float | None = None, **labels: str
) -> Scraped:
    """Return the first scrape that has this value, or any when none is given."""
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            scraped = await scrape(app, tls)
            found = scraped.value(name, **labels)
            if found is not None and (value is None or found == value):
                return scraped


async def test_both_formats_and_compressed(app: App) -> None:
    plain = await get(app)
    assert plain.status == 200
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"\nringback_build_info{" in plain.body
    assert not plain.body.endswith(b"# EOF\n")
    wanted = await get(app, accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert wanted.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert wanted.body.endswith(b"# EOF\n")
    compressed = await get(app, accept_encoding="br, gzip")
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == plain.body
    refused = await get(app, accept_encoding="gzip;q=0")
    assert "content-encoding" not in refused.headers
    assert "accept-encoding" in refused.headers["vary"].lower()


async def test_it_is_only_read(app: App) -> None:
    assert (await get(app, method="POST", content_type="application/json")).status == 405
    head = await get(app, method="HEAD")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("operator", 200),
        ("viewer of all", 200),
        ("viewer", 403),
        ("masked viewer", 403),
        ("caller", 403),
        ("caller of all", 403),
        ("dialer", 403),
        ("other dialer", 403),
        (STRANGER, 401),
        (NOBODY, 401),
    ],
)
async def test_who_may(settings: Settings, name: str, status: int) -> None:
    async with served(replace(settings, access=RULES)) as app:
        answer = await (get(app) if name == NOBODY else get(app, authorization=f"Bearer {token_of(name)}"))
        assert answer.status == status
        assert (b"ringback_build_info" in answer.body) is (status == 200)
        assert ("www-authenticate" in answer.headers) is (status == 401)


async def test_every_metric_of_the_table_is_there_and_no_other(settings: Settings, tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write()
    files.trust(files.clients)
    client = files.clients.issue("prometheus.example")
    talks = {"simulated_talk": timedelta(hours=1)}
    async with served(files.settings(settings, mutual=True, **talks)) as app:
        tls = ssl.create_default_context(cadata=files.authority.pem.decode())
        certificate, key = client.write(tmp_path, "client")
        tls.load_cert_chain(certificate, key)
        async with files.channel(app, client) as channel:
            api = Api.on(channel)
            service_id = await api.add_service(max_concurrent_calls=1)
            await api.until_ended((await api.create("sip:busy@sim.example", max_retries=0)).callback_id)
            await api.create()  # it talks for long
            await api.create("sip:other@sim.example")
        waits = {"service_id": service_id, "priority": "NORMAL"}
        await scrape_with(app, "ringback_callbacks_in_progress", tls, value=1, **waits)
        await scrape_with(app, "ringback_callbacks_waiting", tls, value=1, **waits)
        scraped = await scrape_with(app, "ringback_database_size_bytes", tls)
    ours = {name for name in scraped.names if name.startswith("ringback_")}
    expected = set[str]()
    for metric in catalogue.ALL:
        ends = ("_bucket", "_sum", "_count") if metric.type is MetricType.HISTOGRAM else ("",)
        expected |= {metric.full_name + end for end in ends}
    assert ours == expected
    assert {"process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"} <= scraped.names


async def test_a_callback_leaves_its_traces(app: App, api: Api) -> None:
    service_id = api.service_id
    created = await api.create("sip:busy.answer@sim.example", max_retries=1)
    await api.until_ended(created.callback_id)
    # The store tells of a change once its caller has been told.
    scraped = await scrape_with(app, "ringback_rpcs_total", rpc="WatchCallbacks", edge="grpc", code="CANCELLED")
    rpc = {"rpc": "CreateCallback", "edge": "grpc"}
    assert scraped.value("ringback_rpcs_total", **rpc, code="OK") == 1
    assert scraped.value("ringback_rpc_duration_seconds_count", **rpc) == 1
    assert scraped.value("ringback_callbacks_created_total", service_id=service_id) == 1
    assert scraped.value("ringback_callbacks_ended_total", service_id=service_id, state="COMPLETED") == 1
    assert scraped.value("ringback_attempts_total", service_id=service_id, outcome="BUSY") == 1
    assert scraped.value("ringback_attempts_total", service_id=service_id, outcome="ANSWERED") == 1
    assert scraped.value("ringback_due_to_lease_seconds_count", service_id=service_id) == 2
    assert scraped.value("ringback_callbacks_waiting", service_id=service_id, priority="NORMAL") in (0, None)
    assert (scraped.value("ringback_events_read_total") or 0) > 5
    assert scraped.value("ringback_service_dialer_present", service_id=service_id) == 1  # the built-in one
    assert (scraped.value("ringback_commits_total", result="ok") or 0) > 0


async def test_what_waits_without_a_dialer(settings: Settings) -> None:
    async with served(replace(settings, dialer="none")) as app, Api.connect(app.port) as api:
        service_id = await api.add_service()
        await api.create()
        scraped = await scrape_with(app, "ringback_service_unattended", value=1, service_id=service_id)
        assert scraped.value("ringback_callbacks_waiting", service_id=service_id, priority="NORMAL") == 1
        assert scraped.value("ringback_service_dialer_present", service_id=service_id) == 0
        assert "ringback_dialer_calls" not in scraped.names
        request = dialer_pb.LeaseCallbacksRequest(dialer_id="mine", max_leases=1)
        await api.dialers.LeaseCallbacks(request)
        scraped = await scrape_with(app, "ringback_service_unattended", value=0, service_id=service_id)
        assert scraped.value("ringback_service_dialer_present", service_id=service_id) == 1


async def test_refused_scrapes_are_counted_as_what_they_are(settings: Settings) -> None:
    async with served(replace(settings, access=RULES)) as app:
        await get(app)
        operator = f"Bearer {token_of('operator')}"
        await get(app, authorization=operator)
        assert app.edges.http is not None
        app.edges.http.metrics.scrape._kept.clear()
        scraped = Scraped((await get(app, authorization=operator)).body.decode())
        assert scraped.value("ringback_rpcs_total", rpc="Metrics", edge="rest", code="UNAUTHENTICATED") == 1
        assert scraped.value("ringback_rpcs_total", rpc="Metrics", edge="rest", code="OK") == 1


async def test_without_http_nothing_is_counted(settings: Settings) -> None:
    async with served(replace(settings, http=None)) as app:
        assert app.edges.http is None
        assert not app.edges.way_in.observers
