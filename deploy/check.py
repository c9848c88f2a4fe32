"""Checks what is in deploy/, as far as that goes without a container engine and without a cluster.

First each tool looks at its own files (deploy/requirements.txt has them; they are looked for on the PATH). Then what
no tool can know: that the files agree with each other, and with a real server that is started as they say.
"""

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
    """Return it as Docker Compose itself reads it."""
    return json.loads(run("docker-compose", "--file", DEPLOY / "compose.yaml", "config", "--format", "json"))


def read_manifests() -> list[Any]:
    return [manifest for path in MANIFESTS for manifest in yaml.safe_load_all(path.read_text())]


def only(manifests: list[Any], kind: str) -> Any:
    found = [manifest for manifest in manifests if manifest["kind"] == kind]
    require(len(found) == 1, f"kubernetes: {len(found)} of kind {kind}")
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
    """Require that every port is the one that the image listens on; those of Kubernetes have a name."""
    dockerfile, envoy = (DEPLOY / "Dockerfile").read_text(), (DEPLOY / "envoy.yaml").read_text()
    proxy = compose["services"]["proxy"]
    (named,) = container["ports"]
    (offered,) = only(manifests, kind="Service")["spec"]["ports"]
    (entry,) = only(manifests, kind="NetworkPolicy")["spec"]["ingress"]
    ports = {
        "EXPOSE": re.findall(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE),
        "envoy.yaml": re.findall(r"port_value: (\d+)", envoy),
        "compose.yaml": [port["target"] for port in proxy["ports"]],
        "containerPort": [named["containerPort"]],
        "service.yaml": [offered["port"]],
        "probes": [probe["port"] for probe in probes_of(container)],
    }
    port = image["RINGBACK_LISTEN"].rpartition(":")[2]
    for place, found in ports.items():
        require({str(number) for number in found} == {port}, f"{place}: {found}, and the image listens on {port}")
    names = {offered["targetPort"], *(rule["port"] for rule in entry["ports"])}
    require(names == {named["name"]}, f"ports named {names}, and the container has {named['name']}")
    tag = proxy["image"].rpartition(":v")[2]
    require(f"/{tag}/" in run("envoy", "--version"), f"compose.yaml runs Envoy {tag}, another one checked envoy.yaml")


def check_labels(manifests: list[Any], labels: dict[str, str]) -> None:
    """Require that whatever selects pods selects those of the deployment."""
    selectors = {
        "Deployment": only(manifests, kind="Deployment")["spec"]["selector"]["matchLabels"],
        "Service": only(manifests, kind="Service")["spec"]["selector"],
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
    with (
        tempfile.TemporaryDirectory() as folder,
        started(name, environment, folder) as port,
        grpc.insecure_channel(f"localhost:{port}") as channel,
    ):
        health: Any = HealthStub(channel)  # its types know no methods
        for service in probes:
            try:
                response = health.Check(HealthCheckRequest(service=service), timeout=5)
            except grpc.RpcError as error:
                raise Fault(f"{name}: probing {service!r}: {error}") from None
            require(response.status == HealthCheckResponse.SERVING, f"{name}: {service!r} does not serve")


@contextmanager
def started(name: str, environment: dict[str, str], folder: str) -> Iterator[str]:
    """Run a server with this environment, on any free port and a fresh SQLite file; yield the port."""
    access = Path(folder) / "access.yaml"
    access.write_text("identities: {ops: {certificates: [ops.example], grants: [{role: operator}]}}")
    changed = {"RINGBACK_ACCESS": str(access)} if "RINGBACK_ACCESS" in environment else {}
    changed |= {
        "RINGBACK_DATABASE": f"sqlite:///{folder}/ringback.db",
        "RINGBACK_LISTEN": environment["RINGBACK_LISTEN"].rpartition(":")[0] + ":0",
    }
    clean = {variable: value for variable, value in os.environ.items() if not variable.startswith("RINGBACK_")}
    with subprocess.Popen(
        [sys.executable, "-m", "ringback", "serve"],
        env=clean | environment | changed,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            yield port_told(name, server)
            server.terminate()
            code = server.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            raise Fault(f"{name}: the server takes more than {DRAIN_S} s to stop") from None
        finally:
            server.kill()
    require(code == 0, f"{name}: the server exited with {code}")


def port_told(name: str, server: subprocess.Popen[str]) -> str:
    """Return the port that the server logs when it listens."""
    told = []
    for line in server.stderr or ():
        if match := re.search(r"listening on .*:(\d+)$", line):
            return match[1]
        told.append(line)
    raise Fault(f"{name}: the server does not start:\n{''.join(told)}")


if __name__ == "__main__":
    main()
