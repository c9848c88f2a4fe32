"""Checks what is in deploy/, as far as that goes without a container engine and without a cluster.

First each tool looks at its own files (deploy/requirements.txt has them; they are looked for on the PATH). Then what
no tool can know: that the files agree with each other, and with a real server that is started as they say.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import yaml
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from ringback.cli.serve import serve

DEPLOY: Final = Path(__file__).parent
MANIFESTS: Final = sorted(set(DEPLOY.glob("kubernetes/*.yaml")) - {DEPLOY / "kubernetes/kustomization.yaml"})
# The oldest that the manifests are for, and the newest whose schema the tool has.
KUBERNETES: Final = ("1.30", "1.37")
# What a server listens on, by the names that ports have in Kubernetes.
LISTENING: Final = {"grpc": "RINGBACK_LISTEN", "http": "RINGBACK_HTTP"}
# README.md: "SIGTERM drains […] and the process exits with 0 within ten seconds".
DRAIN_S: Final = 10


class Fault(Exception):  # noqa: N818 - said as it is
    """A fault in deploy/ that would keep it from working."""


def main() -> None:
    try:
        check_with_tools()
        check_agreement(read_image(), read_compose(), read_manifests())
    except Fault as fault:
        sys.exit(f"deploy: {fault}")
    print("deploy: the files are valid, agree with each other, and a server starts and stops as they say.")


def check_agreement(image: dict[str, str], compose: Any, manifests: list[Any]) -> None:
    pod = only(manifests, kind="Deployment")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    composed = compose["services"]["ringback"]
    check_extras()
    check_ports(image, compose, manifests, container)
    check_labels(manifests, pod["metadata"]["labels"])
    check_monitoring(compose, pod["metadata"]["labels"], container)

    grace_s = pod["spec"]["terminationGracePeriodSeconds"] - container["lifecycle"]["preStop"]["sleep"]["seconds"]
    require(grace_s > DRAIN_S, f"deployment.yaml leaves {grace_s} s for a drain, which may take {DRAIN_S} s")
    grace_s = float(composed["stop_grace_period"].removesuffix("s"))
    require(grace_s > DRAIN_S, f"compose.yaml leaves {grace_s} s for a drain, which may take {DRAIN_S} s")

    check_access(pod, container)
    variables = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    check_server("deployment.yaml", image | variables, [probe.get("service", "") for probe in probes_of(container)])
    check_server("compose.yaml", image | composed["environment"], [""])


def require(condition: object, otherwise: str) -> None:
    if not condition:
        raise Fault(otherwise)


# --- Each tool on its own ------------------------------------------------------------------------------------


def check_with_tools() -> None:
    run("hadolint", DEPLOY / "Dockerfile")
    run("envoy", "--mode", "validate", "--log-level", "warning", "--config-path", DEPLOY / "envoy.yaml")
    for version in KUBERNETES:
        told = run("kubernetes-validate", "--strict", "--kubernetes-version", version, *MANIFESTS).splitlines()
        # A kind that it does not know is but a warning to it.
        unknown = [line for line in told if not line.startswith("INFO")]
        require(not unknown, "\n".join(unknown))
    kustomization = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())
    listed, there = sorted(kustomization["resources"]), [path.name for path in MANIFESTS]
    require(listed == there, f"kustomization.yaml lists {listed}, and there are {there}")


def run(*command: str | Path) -> str:
    """Return what it prints, if it succeeds."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    require(done.returncode == 0, f"{command[0]} finds:\n{done.stdout}{done.stderr}")
    return done.stdout


# --- One file against the other ------------------------------------------------------------------------------


def read_image() -> dict[str, str]:
    """Return the environment that the image sets, but for the PATH."""
    return dict(re.findall(r"(RINGBACK_\w+)=(\S+)", (DEPLOY / "Dockerfile").read_text()))


def read_compose() -> Any:
    """Return it as Docker Compose itself reads it, with what is in profiles."""
    command = ("docker-compose", "--file", DEPLOY / "compose.yaml", "--profile", "*", "config", "--format", "json")
    return json.loads(run(*command))


def read_manifests() -> list[Any]:
    return [manifest for path in MANIFESTS for manifest in yaml.safe_load_all(path.read_text())]


def only(manifests: list[Any], kind: str, name: str = "ringback") -> Any:
    found = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    require(len(found) == 1, f"kubernetes: {len(found)} of kind {kind} with the name {name}")
    return found[0]


def probes_of(container: Any) -> list[Any]:
    return [probe["grpc"] for name, probe in container.items() if name.endswith("Probe") and "grpc" in probe]


def check_extras() -> None:
    """Require that the image installs extras that exist: one that does not is but a warning to pip."""
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", (DEPLOY / "Dockerfile").read_text())
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]
    unknown = set(extras.split(",")) - set(project["optional-dependencies"])
    require(not unknown, f"Dockerfile installs extras that pyproject.toml has not: {', '.join(sorted(unknown))}")


def check_ports(image: dict[str, str], compose: Any, manifests: list[Any], container: Any) -> None:
    """Require that every port is one that the image listens on; those of Kubernetes have a name."""
    ports = {name: image[variable].rpartition(":")[2] for name, variable in LISTENING.items()}
    named = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    require(named == ports, f"containerPort: {named}, and the image listens on {ports}")
    dockerfile, envoy = (DEPLOY / "Dockerfile").read_text(), (DEPLOY / "envoy.yaml").read_text()
    proxy = compose["services"]["proxy"]
    places = {
        "EXPOSE": " ".join(re.findall(r"^EXPOSE (.+)$", dockerfile, re.MULTILINE)).split(),
        "envoy.yaml": re.findall(r"port_value: (\d+)", envoy),
        "compose.yaml": [str(port["target"]) for port in proxy["ports"]],
    }
    for place, found in places.items():
        require({*found} == {*ports.values()}, f"{place}: {found}, and the image listens on {ports}")
    probed = {str(probe["port"]) for probe in probes_of(container)}
    require(probed == {ports["grpc"]}, f"probes: {probed}, and gRPC is on {ports['grpc']}")
    for name, service in (("grpc", "ringback"), ("http", "ringback-http")):
        (offered,) = only(manifests, kind="Service", name=service)["spec"]["ports"]
        require(str(offered["port"]) == ports[name], f"service {service}: {offered['port']}, and not {ports[name]}")
        require(offered["targetPort"] == name, f"service {service} leads to {offered['targetPort']}, and not to {name}")
    let_in = [
        rule["port"] for entry in only(manifests, kind="NetworkPolicy")["spec"]["ingress"] for rule in entry["ports"]
    ]
    require({*let_in} == {*ports}, f"network.yaml lets in to {let_in}, and the container has {[*ports]}")
    tag = proxy["image"].rpartition(":v")[2]
    require(f"/{tag}/" in run("envoy", "--version"), f"compose.yaml runs Envoy {tag}, another one checked envoy.yaml")


def check_monitoring(compose: Any, labels: dict[str, str], container: Any) -> None:
    """Require that what scrapes finds pods and ports, and that what is mounted is there."""
    (monitor,) = yaml.safe_load_all((DEPLOY / "kubernetes/monitoring/podmonitor.yaml").read_text())
    selector = monitor["spec"]["selector"]["matchLabels"]
    require(selector.items() <= labels.items(), f"podmonitor.yaml selects {selector}, and the pods have {labels}")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    names = [port["name"] for port in container["ports"]]
    require(endpoint["port"] in names, f"podmonitor.yaml scrapes {endpoint['port']}, and the container has {names}")
    for name, service in compose["services"].items():
        for volume in service.get("volumes", ()):
            source = volume["source"]
            there = volume["type"] != "bind" or Path(source).exists()
            require(there, f"compose.yaml: {name} mounts {source}, which is not there")
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    require("ringback" in json.dumps(scraped["scrape_configs"]), "prometheus.yml scrapes no server")


def check_labels(manifests: list[Any], labels: dict[str, str]) -> None:
    """Require that whatever selects pods selects those of the deployment."""
    selectors = {
        "Deployment": only(manifests, kind="Deployment")["spec"]["selector"]["matchLabels"],
        "Service": only(manifests, kind="Service")["spec"]["selector"],
        "HTTP service": only(manifests, kind="Service", name="ringback-http")["spec"]["selector"],
        "PodDisruptionBudget": only(manifests, kind="PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        "NetworkPolicy": only(manifests, kind="NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    }
    for kind, selector in selectors.items():
        require(selector.items() <= labels.items(), f"{kind} selects {selector}, and the pods have {labels}")


def check_access(pod: Any, container: Any) -> None:
    """Require that the access file is in a folder that is mounted from a secret, since only so it follows changes."""
    (path,) = [entry["value"] for entry in container["env"] if entry["name"] == "RINGBACK_ACCESS"]
    (mount,) = container["volumeMounts"]
    (volume,) = pod["spec"]["volumes"]
    require(str(Path(path).parent) == mount["mountPath"], f"{path} is not in {mount['mountPath']}, which is mounted")
    require("subPath" not in mount, "a volume that is mounted by subPath never changes")
    require(volume["name"] == mount["name"] and "secret" in volume, "what is mounted is not the secret")


# --- The files against a real server -------------------------------------------------------------------------


def check_server(name: str, environment: dict[str, str], probes: list[str]) -> None:
    """Require that it starts with this environment, serves what is probed, and stops in time, on another database."""
    known = {option.envvar for option in serve.params if isinstance(option.envvar, str)}
    ours = {variable for variable in environment if variable.startswith("RINGBACK_")}
    require(ours <= known, f"{name}: `ringback serve` knows no {', '.join(sorted(ours - known))}")
    require("RINGBACK_DATABASE" in ours, f"{name}: no RINGBACK_DATABASE, so each server would have its own")
    with tempfile.TemporaryDirectory() as folder, started(name, environment, folder) as ports:
        check_health(name, ports["grpc"], probes)
        check_http(name, ports["http"], open_to_all="RINGBACK_ACCESS" not in environment)


def check_health(name: str, port: str, probes: list[str]) -> None:
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        health: Any = HealthStub(channel)  # its types know no methods
        for service in probes:
            try:
                response = health.Check(HealthCheckRequest(service=service), timeout=5)
            except grpc.RpcError as error:
                raise Fault(f"{name}: probing {service!r}: {error}") from None
            require(response.status == HealthCheckResponse.SERVING, f"{name}: {service!r} does not serve")


def check_http(name: str, port: str, *, open_to_all: bool) -> None:
    """Require what proxies and Prometheus request; metrics are for identities, where there are any."""
    expected = {"/healthz": 200, "/openapi.json": 200, "/metrics": 200 if open_to_all else 401}
    for path, status in expected.items():
        connection = http.client.HTTPConnection("localhost", int(port), timeout=5)
        connection.request("GET", path)
        found = connection.getresponse().status
        connection.close()
        require(found == status, f"{name}: GET {path} is answered with {found}, and not with {status}")


@contextmanager
def started(name: str, environment: dict[str, str], folder: str) -> Iterator[dict[str, str]]:
    """Run a server with this environment, on any free ports and a fresh SQLite file; yield the ports."""
    access = Path(folder) / "access.yaml"
    access.write_text("identities: {ops: {certificates: [ops.example], grants: [{role: operator}]}}")
    changed = {"RINGBACK_ACCESS": str(access)} if "RINGBACK_ACCESS" in environment else {}
    changed |= {
        "RINGBACK_DATABASE": f"sqlite:///{folder}/ringback.db",
        **{variable: environment[variable].rpartition(":")[0] + ":0" for variable in LISTENING.values()},
    }
    clean = {variable: value for variable, value in os.environ.items() if not variable.startswith("RINGBACK_")}
    with subprocess.Popen(
        [sys.executable, "-m", "ringback", "serve"],
        env=clean | environment | changed,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            yield ports_told(name, server)
            server.terminate()
            code = server.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            raise Fault(f"{name}: the server takes more than {DRAIN_S} s to stop") from None
        finally:
            server.kill()
    require(code == 0, f"{name}: the server exited with {code}")


def ports_told(name: str, server: subprocess.Popen[str]) -> dict[str, str]:
    """Return the ports that the server logs when it listens."""
    told: list[str] = []
    ports: dict[str, str] = {}
    for line in server.stderr or ():
        told.append(line)
        if match := re.search(r"(serving HTTP|listening) on .*:(\d+)$", line):
            ports["grpc" if match[1] == "listening" else "http"] = match[2]
        if ports.keys() == LISTENING.keys():
            return ports
    raise Fault(f"{name}: the server does not start:\n{''.join(told)}")


if __name__ == "__main__":
    main()
