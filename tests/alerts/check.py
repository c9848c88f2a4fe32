"""Checks what Prometheus and Grafana get from deploy/, with Prometheus itself and a real server.

promtool reads the rules, the configuration, the unit tests of the rules and a scrape. Then Prometheus scrapes a server
with identities that has a callback and no dialer, until it fires RingbackNoDialer; a dialer comes, and it resolves.
Every query of the rules and of the dashboard is made, and every metric that they name has to be in a scrape.

Exits with 1 on failure. Where Prometheus is missing (.ci/install brings it), it is skipped, or is a failure where the
environment says CI=true.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import click
import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.metrics import catalogue
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.hunts.server import ServerProcess
from tests.world.api import Api
from tests.world.ports import free_port

_DEPLOY: Final = Path(__file__).parents[2] / "deploy"
_RULES: Final = _DEPLOY / "prometheus/alerts.yaml"
_DASHBOARD: Final = _DEPLOY / "grafana/ringback.json"
_PATIENCE_S: Final = 60.0
_PAUSE_S: Final = 0.2
_ALERT: Final = "RingbackNoDialer"
# They fire here where the machine has other work: the rules have more patience.
_OF_BUSY_MACHINES: Final = {"RingbackEventLoopSlow", "RingbackCommitsSlow"}
_TOKENS: Final = {"prometheus": "token-of-prometheus", "ops": "token-of-ops", "pbx": "token-of-pbx"}
_GRANTS: Final = {
    "prometheus": {"role": "viewer", "services": ["*"], "numbers": "masked"},
    "ops": {"role": "operator"},
    "pbx": {"role": "dialer", "services": ["*"]},
}
# What Grafana puts in for its variables.
_VARIABLES: Final = {"$__rate_interval": "1m", "$job": ".*", "$service": ".*", "${datasource}": "prometheus"}
_NAME: Final = re.compile(r"\b(?:ringback|process)_\w+")


async def main() -> None:
    if missing := [program for program in ("prometheus", "promtool") if shutil.which(program) is None]:
        told = f"alerts: {' and '.join(missing)} is missing; .ci/install brings Prometheus"
        if os.environ.get("CI") == "true":
            sys.exit(told)
        click.echo(f"skipped: {told}")
        return
    _promtool("check", "rules", _RULES)
    _promtool("check", "config", _DEPLOY / "prometheus/prometheus.yml")
    _promtool("test", "rules", _RULES.with_name("alerts_test.yaml"))
    _require_known(_named_in([*_queries_of_rules(), *_queries_of_dashboard()]))
    with tempfile.TemporaryDirectory() as folder:
        async with asyncio.timeout(5 * _PATIENCE_S):
            await _watch_an_alert(Path(folder))
    click.echo(
        "alerts: rules, their tests and the dashboard are valid; an alert fires without a dialer and resolves with one"
    )


def _promtool(*arguments: str | Path, stdin: bytes | None = None) -> None:
    command = ["promtool", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=_PATIENCE_S, check=False)
    if done.returncode or done.stderr:
        sys.exit(f"{' '.join(command)}:\n{done.stdout.decode()}{done.stderr.decode()}")


# --- What rules and dashboard query ----------------------------------------------------------------------------------


def _rules() -> Iterator[Mapping[str, Any]]:
    for group in yaml.safe_load(_RULES.read_text())["groups"]:
        yield from group["rules"]


def _queries_of_rules() -> Iterator[str]:
    for rule in _rules():
        yield rule["expr"]


def _queries_of_dashboard() -> Iterator[str]:
    dashboard = json.loads(_DASHBOARD.read_text())
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identifiers)) == len(identifiers), "two panels have the same id"
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            query: str = target["expr"]
            for name, value in _VARIABLES.items():
                query = query.replace(name, value)
            assert "$" not in query, f"{panel['title']}: a variable that there is not: {query}"
            yield query


def _named_in(queries: Iterable[str]) -> set[str]:
    recorded = {rule["record"].split(":")[1] for rule in _rules() if "record" in rule}
    return {name for query in queries for name in _NAME.findall(query)} - recorded


def _require_known(names: Collection[str]) -> None:
    known = {metric.full_name for metric in catalogue.ALL}
    known |= {f"{name}{end}" for name in known for end in ("_bucket", "_sum", "_count")}
    unknown = {name for name in names if name.startswith("ringback_")} - known
    if unknown:
        sys.exit(f"rules or dashboard name metrics that there are not: {', '.join(sorted(unknown))}")


# --- An alert that fires ---------------------------------------------------------------------------------------------


async def _watch_an_alert(folder: Path) -> None:
    web_port = free_port()
    options = ("--http", f"127.0.0.1:{web_port}", "--dialer", "none", "--access", str(_access_in(folder)))
    server = ServerProcess(folder, "server", "", options)
    await server.start()
    try:
        async with Api.connect(server.port) as api:
            await _create(api)
            scraped = await asyncio.to_thread(_read, f"http://127.0.0.1:{web_port}/metrics", _TOKENS["prometheus"])
            _promtool("check", "metrics", stdin=scraped)
            async with _prometheus(folder, web_port) as prometheus:
                await _until(prometheus, {"firing"})
                await _make_queries(prometheus)
                polling = dialer_pb.LeaseCallbacksRequest(dialer_id="pbx", max_leases=1)
                await api.dialers.LeaseCallbacks(polling, metadata=_bearer("pbx"))
                await _until(prometheus, set())
    finally:
        await server.drain()


def _access_in(folder: Path) -> Path:
    identities = {
        name: {"tokens_sha256": [sha256(token.encode()).hexdigest()], "grants": [_GRANTS[name]]}
        for name, token in _TOKENS.items()
    }
    path = folder / "access.yaml"
    path.write_text(yaml.safe_dump({"identities": identities}))
    return path


def _bearer(name: str) -> Sequence[tuple[str, str]]:
    return [("authorization", f"Bearer {_TOKENS[name]}")]


async def _create(api: Api) -> None:
    """Create a callback that is due, for a service that no dialer polls for."""
    service = directory_pb.Service(sip_address="sip:support@cc.example")
    creating = directory_pb.CreateServiceRequest(service=service)
    await api.directory.CreateService(creating, metadata=_bearer("ops"))
    request = api.request(service_sip=service.sip_address, caller_id="ops")
    await api.callbacks.CreateCallback(pb.CreateCallbackRequest(callback_request=request), metadata=_bearer("ops"))


@asynccontextmanager
async def _prometheus(folder: Path, web_port: int) -> AsyncIterator[str]:
    """Run Prometheus with the rules of deploy/, but every second and without patience; yield its address."""
    (folder / "alerts.yaml").write_text(re.sub(r"\bfor: \w+", "for: 0s", _RULES.read_text()))
    (folder / "token").write_text(_TOKENS["prometheus"])
    scrape = {
        "job_name": "ringback",
        "authorization": {"credentials_file": str(folder / "token")},
        "static_configs": [{"targets": [f"127.0.0.1:{web_port}"]}],
    }
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [scrape],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        await process.wait()


async def _until(prometheus: str, states: set[str]) -> None:
    """Wait until the alert is in these states, and none of the others of a server that works fires."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            await asyncio.sleep(_PAUSE_S)
            try:
                found = await asyncio.to_thread(_read, f"{prometheus}/api/v1/alerts")
                target = await asyncio.to_thread(_read, f"{prometheus}/api/v1/query?query=up")
            except OSError:  # it does not listen yet
                continue
            alerts = json.loads(found)["data"]["alerts"]
            is_scraped = [each["value"][1] for each in json.loads(target)["data"]["result"]] == ["1"]
            others = {each["labels"]["alertname"] for each in alerts} - {_ALERT} - _OF_BUSY_MACHINES
            found_states = {each["state"] for each in alerts if each["labels"]["alertname"] == _ALERT}
            # RingbackDown fires until the first scrape.
            if is_scraped and not others and found_states == states:
                break
    click.echo(f"{_ALERT}: {' '.join(states) or 'resolved'}")


async def _make_queries(prometheus: str) -> None:
    """Make every query: what cannot be parsed, or joined, is a failure."""
    for query in [*_queries_of_rules(), *_queries_of_dashboard()]:
        await asyncio.to_thread(_promtool, "query", "instant", prometheus, query)
    listed = await asyncio.to_thread(_read, f"{prometheus}/api/v1/label/__name__/values")
    there = set(json.loads(listed)["data"])
    for name in _named_in(_queries_of_dashboard()):
        if name.startswith("process_") and name not in there:
            sys.exit(f"the dashboard queries {name}, which no scrape has")


def _read(url: str, token: str = "") -> bytes:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_PATIENCE_S) as response:
        content: bytes = response.read()
        return content


if __name__ == "__main__":
    asyncio.run(main())
