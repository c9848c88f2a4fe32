"""How the faults of YAML files are told, whatever stands in them."""

import pytest

from ringback.cli.yaml_file import Place


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("a" * 200, "a" * 200),
        ("a" * 70_000, "a" * 200 + "…"),
        (r'"\r' + "b" * 3000 + '"', r"'\r" + "b" * 199 + "…'"),
    ],
    ids=["as long as may be", "too long", "not printable"],
)
def test_a_fault_is_a_line_however_long_its_key_is(key: str, shown: str) -> None:
    root = Place.root(f"x:\n  ? {key}\n  : 1", "rules.yaml")
    assert root is not None
    for _, section in root.entries():
        for _, value in section.entries():
            value.fail("unknown")
    assert root.faults == [f"rules.yaml:2: x.{shown}: unknown"]
