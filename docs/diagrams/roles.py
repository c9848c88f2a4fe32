#!/usr/bin/env python3
"""Writes the table of roles from the one table of rights in the code.

docs/diagrams/roles.py                          print it
docs/diagrams/roles.py --check docs/security.md fail when the page shows another one
docs/diagrams/roles.py --write docs/security.md put it into the page
"""

import sys
from collections.abc import Iterator

import block

from ringback.application.access import RIGHT_FOR, ROLES_WITH, Grant, Right, Role

_NOWHERE = "\N{EN DASH}"


def table() -> str:
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield f"| to | RPC | {' | '.join(Role)} |"
    yield f"| --- | --- |{' --- |' * len(Role)}"
    for right in Right:
        rpcs = ", ".join(f"`{rpc}`" for rpc, needed in RIGHT_FOR.items() if needed is right)
        yield f"| {right} | {rpcs} | {' | '.join(_cell(role, right) for role in Role)} |"


def _cell(role: Role, right: Right) -> str:
    """Return where a role has the right, as the area of a grant of that role says it."""
    if role not in ROLES_WITH[right]:
        return _NOWHERE
    area = Grant(role=role, caller_ids=("own",), services=frozenset({"granted"})).area
    if right is Right.READ_SERVICES:
        # A service has no caller.
        return "all" if area.services is None else "granted services"
    limits = []
    if area.caller_ids is not None:
        limits.append("own `caller_ids`")
    if area.services is not None:
        limits.append("granted services")
    return ", ".join(limits) or "all"


if __name__ == "__main__":
    sys.exit(block.main("roles", table(), language=""))
