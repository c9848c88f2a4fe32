"""`ringback access`, as a process of its own."""

import hashlib
import json
import re
import stat
from pathlib import Path

import pytest

from ringback.web.door.session_keys import is_session_key
from tests.world.command_line import run

ONE, TWO = "1" * 64, "2" * 64
FILE = f"""
identities:
  crm:
    tokens_sha256: ["{ONE}", "{TWO}"]
    certificates: [crm.example]
    grants:
      - {{role: caller, caller_ids: [crm, web], services: ["sip:sales@cc.example", "sip:[::1]"]}}
      - {{role: viewer, services: ["*"], numbers: masked}}
  ops: {{certificates: [ops.example], grants: [{{role: operator}}]}}
"""
ALL_RIGHTS = (
    "change callbacks, read callbacks, resolve callbacks, read services and queues, "
    "change services, erase targets, read who did what, and traces of calls"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "access.yaml"
    rewrite(path, FILE)
    return path


def rewrite(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_check_shows_who_may_do_what(file: Path) -> None:
    ran = await run("access", "check", str(file), COLUMNS="300")
    assert (ran.code, ran.err) == (0, "")
    first, *table = ran.out.splitlines()
    assert first == f"{file}: no faults, 2 identities"
    assert [re.split(" {2,}", line.strip())[:5] for line in table] == [
        ["identity", "proved by", "role", "of callers", "of services"],
        ["crm", "2 tokens, 1 certificate", "caller", "crm, web", "sip:[::1], sip:sales@cc.example"],
        ["viewer", "all", "read callbacks, read services and queues; numbers masked"],
        [
            "ops",
            "1 certificate",
            "operator",
            "all",
            ALL_RIGHTS,
        ],
    ]


async def test_check_as_json(file: Path) -> None:
    ran = await run("access", "check", "--json", str(file))
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "file": str(file),
        "faults": [],
        "warnings": [],
        "identities": [
            {
                "name": "crm",
                "tokens": 2,
                "certificates": ["crm.example"],
                "subjects": [],
                "grants": [
                    {
                        "role": "caller",
                        "caller_ids": ["crm", "web"],
                        "services": ["sip:[::1]", "sip:sales@cc.example"],
                    },
                    {"role": "viewer", "services": ["*"], "numbers": "masked"},
                ],
            },
            {
                "name": "ops",
                "tokens": 0,
                "certificates": ["ops.example"],
                "subjects": [],
                "grants": [{"role": "operator", "services": ["*"]}],
            },
        ],
    }
    assert ONE not in ran.out


async def test_check_refuses_with_all_faults(file: Path) -> None:
    rewrite(file, FILE.replace("caller,", "boss,").replace(TWO, "hunter2"))
    ran = await run("access", "check", str(file))
    assert (ran.code, ran.out) == (2, "")
    first, second = ran.err.splitlines()
    assert first.startswith(f"{file}:4: identities.crm.tokens_sha256[1]: is not the SHA-256 of a token")
    assert second == f"{file}:7: identities.crm.grants[0].role: 'boss' is none of caller, dialer, viewer, operator"
    assert "hunter2" not in ran.err
    as_json = await run("--json", "access", "check", str(file))
    assert (as_json.code, as_json.err) == (2, "")
    assert json.loads(as_json.out) == {"file": str(file), "faults": [first, second]}


async def test_check_warns_of_what_others_can_read(file: Path) -> None:
    rewrite(file, FILE, 0o644)
    ran = await run("access", "check", str(file))
    assert ran.code == 0
    assert ran.err.startswith(f"warning: {file}: every user of this machine can read who may do what")
    as_json = await run("access", "check", "--json", str(file))
    assert len(json.loads(as_json.out)["warnings"]) == 1


async def test_a_token_fits_into_the_file_and_is_not_in_it(file: Path) -> None:
    ran = await run("access", "token")
    assert (ran.code, ran.err) == (0, "")
    token, line = ran.out.splitlines()
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert line == f'tokens_sha256: ["{digest}"]'
    rewrite(file, FILE.replace(TWO, digest))
    assert (await run("access", "check", str(file))).code == 0
    rewrite(file, FILE.replace(TWO, token))
    refused = await run("access", "check", str(file))
    assert refused.code == 2
    assert token not in refused.err + refused.out


async def test_a_token_as_json_and_longer() -> None:
    ran = await run("access", "token", "--json", "--bytes", "48")
    made = json.loads(ran.out)
    assert made == {"token": made["token"], "sha256": hashlib.sha256(made["token"].encode()).hexdigest()}
    assert len(made["token"]) == len("ringback_") + 64
    assert (await run("access", "token", "--bytes", "31")).code == 2


async def test_a_token_into_a_file_that_its_owner_alone_can_read(tmp_path: Path) -> None:
    path = tmp_path / "crm.token"
    ran = await run("access", "token", "--out", str(path))
    assert ran.code == 0
    token = path.read_text().strip()
    assert ran.out == f'tokens_sha256: ["{hashlib.sha256(token.encode()).hexdigest()}"]\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = await run("access", "token", "--out", str(path))
    assert (again.code, again.out) == (1, "")
    assert again.err == f"Error: {path}: File exists\n"
    assert path.read_text().strip() == token


@pytest.mark.long
async def test_config_show_and_check(file: Path) -> None:
    config = file.with_name("ringback.yaml")
    rewrite(config, "access: access.yaml\nlimits: off\n")
    shown = json.loads((await run("config", "show", "--json", "--config", str(config))).out)
    assert shown["access"] == {"value": str(file), "from": "file", "where": f"{config}:1"}
    assert shown["limits"] == {"value": "off", "from": "file", "where": f"{config}:2"}
    assert (await run("config", "check", str(config))).code == 0
    rewrite(file, "identities: {}")
    checked = await run("config", "check", str(config))
    assert (checked.code, checked.err.split(": ")[0]) == (2, f"{file}:1")


@pytest.mark.long
async def test_a_server_with_a_bad_file_starts_nothing(tmp_path: Path, file: Path) -> None:
    database = ("--database", f"sqlite:///{tmp_path}/never.db", "--listen", "127.0.0.1:0")
    for content in ("", "identities: {}", FILE.replace("operator", "root").replace("crm.example", "*.example")):
        rewrite(file, content)
        served, checked = await run("serve", *database, "--access", str(file)), await run("access", "check", str(file))
        assert served == checked
        assert served.code == 2
    assert names_in(tmp_path) == {"access.yaml"}


async def test_a_key_of_sessions_is_new_each_time() -> None:
    ran = [await run("access", "session-key") for _ in range(2)]
    assert [(each.code, each.err) for each in ran] == [(0, "")] * 2
    keys = [each.out.removesuffix("\n") for each in ran]
    assert keys[0] != keys[1]
    assert all(is_session_key(key) for key in keys)


async def test_a_key_of_sessions_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "session.keys"
    ran = await run("access", "session-key", "--out", str(path))
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert is_session_key(path.read_text().strip())
    again = await run("access", "session-key", "--out", str(path))
    assert again.code == 1
    assert "File exists" in again.err
