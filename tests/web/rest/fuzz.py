"""Fuzz a server by its OpenAPI document: no 500, and every response is one that the document has.

    make rest-fuzz

Schemathesis, in an environment of its own, makes the requests: what the document allows, and what it does not.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[3]))  # also when it is run as a plain script

from ringback.web.rest.contract import EXAMPLE_SERVICE_ID, EXAMPLE_SERVICE_SIP
from tests.world.api import Api
from tests.world.server_process import serving

# Not every text that the document allows is a SIP address. What has been cancelled can still be read. And of a method
# that there is not, such as QUERY, the type of the content is refused first.
_UNCHECKED = "positive_data_acceptance,use_after_free,unsupported_method"
_HOOKS = Path(__file__).with_name("fuzz_hooks.py")
# Of schemathesis, which gets what it needs to end by itself.
_GRACE_S = 120


@click.command()
@click.argument("schemathesis", type=click.Path(exists=True, path_type=Path))
@click.option("--seconds", default=90, show_default=True, help="How long to go on.")
@click.option("--seed", type=int, default=None, help="Make the same requests again.")
def main(schemathesis: Path, seconds: int, seed: int | None) -> None:
    """Run SCHEMATHESIS, a command, against a server that is started for it."""
    sys.exit(asyncio.run(_fuzz(schemathesis, seconds, seed)))


async def _fuzz(schemathesis: Path, seconds: int, seed: int | None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        options = ("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--database", f"sqlite:///{folder}/fuzz.db")
        async with serving(*options, "--dialer", "none", "--limits", "off") as server:
            async with Api.at(await server.address()) as api:
                # That of the document's examples, so that they are what a server with this service answers.
                await api.add_service(EXAMPLE_SERVICE_SIP, service_id=EXAMPLE_SERVICE_ID)
                outcome = await _run(schemathesis, await server.http_address(), seconds, seed)
                created = len(await api.list_all())
            click.echo(f"{created} callbacks were created")
            faults = [line for line in server.log if " ERROR " in line or "Traceback" in line]
            click.echo("\n".join(faults))
            assert await server.stop() == 0
    # Where none is created, hardly anything was tried.
    return outcome or bool(faults) or not created


async def _run(schemathesis: Path, address: str, seconds: int, seed: int | None) -> int:
    command = [
        str(schemathesis),
        "run",
        f"http://{address}/openapi.json",
        *("--checks", "all", "--exclude-checks", _UNCHECKED),
        *("--max-time", str(seconds)),
        *("--request-timeout", "10"),
        "--continue-on-failure",
        *("--warnings", "off"),
        *(() if seed is None else ("--seed", str(seed))),
    ]
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | {"SCHEMATHESIS_HOOKS": str(_HOOKS)})
    async with asyncio.timeout(seconds + _GRACE_S):
        return await process.wait()


if __name__ == "__main__":
    main()
