"""Files that are nearly right: their trees with other values, keys and shapes, and their texts with other signs."""

import math
from datetime import date
from functools import cache
from typing import Any, Final

import yaml

from tests.fuzz.dice import TEXTS, Dice

_SCALARS: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 0.5, -0.0, 1e308, 1e-320, math.inf, -math.inf, math.nan),
    *("yes", "off", "~", "1_000", "0x10", "0o7", "1e3", "1:30:00", "1e999d", "0s", "-1s", "99999999w", "1h1h", "5"),
    *("12:60", "mon-xyz", "24:00-00:00", "sip:x", "sips:a@b;transport=tls", "tel:+1", "10.0.0.0/33", "::/129", "*"),
    *(
        "/dev/null",
        "/",
        ".",
        "..",
        "/dev/zero",
        "a" * 5000,
        "unix:",
        "127.0.0.1:99999",
        "[::1]:x",
        "postgresql://u:p@/",
    ),
    *(date(2030, 2, 28), [], {}, [[]], {"": ""}, [None], {"a": {"b": {"c": {}}}}, "+4190", "premium_rate", "CH"),
)
# What YAML has and these files do not, or what its readers stumble over.
_SNIPPETS: Final = (
    *(
        "&a ",
        "*a",
        "!!python/object:os.system ",
        "!!binary ",
        "!secret ",
        "<<: {a: 1}\n",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
    ),
    *("? ", "- ", ": ", "|\n", ">-\n", "'", '"', "[", "]", "{", "}", "#", "\t", "\r", "\\", "\ufeff", "\x85", "\u2028"),
    *(
        "\0",
        "\x1b",
        "\ud83d",
        "?\n: x\n",
        "- - - - ",
        "{" * 50,
        "[" * 5000,
        "a: " * 30,
        '"\\ud800"',
        '"\\x00"',
        "%TAG ! x\n",
    ),
)


def mutated_file(seed: str, dice: Dice) -> bytes:
    """Return the file with something changed, as a tree or as a text, and now and then as bytes."""
    if dice.chance(0.5):
        tree = _tree_of(seed)
        for _ in range(dice.choice((1, 1, 2, 3))):
            tree = mutated_tree(tree, dice)
        flow = dice.choice((None, True, False))
        text = yaml.safe_dump(tree, allow_unicode=dice.chance(0.5), default_flow_style=flow, sort_keys=False)
    else:
        text = _mutated_text(seed, dice)
    data = text.encode(dice.choice(("utf-8",) * 12 + ("utf-16", "utf-8-sig", "utf-7")), errors="surrogatepass")
    return dice.mutated(data) if dice.chance(0.3) else data


@cache
def _tree_of(seed: str) -> Any:
    return yaml.safe_load(seed)


def mutated_tree(node: Any, dice: Dice) -> Any:
    """Return the tree with one place of it changed."""
    if not isinstance(node, dict | list) or not node or dice.chance(0.15):
        return _other(node, dice)
    if isinstance(node, list):
        index = dice.randrange(len(node))
        changed: Any = [mutated_tree(each, dice) if at == index else each for at, each in enumerate(node)]
        return changed + changed[:1] if dice.chance(0.1) else changed
    key = dice.choice(list(node))
    match dice.randrange(8):
        case 0:
            return {name: value for name, value in node.items() if name != key}
        case 1:
            name = dice.choice((*TEXTS, *(str(each) for each in _SCALARS), key.upper() if isinstance(key, str) else ""))
            return node | {name: node[key]}
        case 2:
            return node | {key: node}
        case _:
            return node | {key: mutated_tree(node[key], dice)}


def _other(node: Any, dice: Dice) -> Any:
    match dice.randrange(6):
        case 0:
            return [node]
        case 1:
            return {dice.hostile_text(): node}
        case 2:
            return [node] * dice.choice((0, 2, 200))
        case 3:
            return dice.hostile_text()
        case 4 if isinstance(node, str):
            place = dice.randint(0, len(node))
            return node[:place] + dice.hostile_text() + node[place:]
        case _:
            return dice.choice(_SCALARS)


def _mutated_text(seed: str, dice: Dice) -> str:
    lines = seed.splitlines(keepends=True)
    for _ in range(dice.choice((1, 1, 2, 6))):
        place = dice.randrange(len(lines)) if lines else 0
        match dice.randrange(5):
            case 0 if lines:
                del lines[place]
            case 1 if lines:
                lines.insert(dice.randint(0, len(lines)), lines[place])
            case 2 if lines:
                lines[place] = " " * dice.randint(0, 8) + lines[place].lstrip()
            case _:
                text = lines[place] if lines else ""
                at = dice.randint(0, len(text))
                lines[place : place + 1] = [text[:at] + dice.choice(_SNIPPETS) + text[at:]]
    return "".join(lines)
