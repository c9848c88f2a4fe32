"""The version of all that is released together, server and clients: `version.py --check`, `version.py --set 0.2.0`."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NUMBER = r"\d+\.\d+\.\d+"
# Where the version stands: the text before it, of each place in each file.
PLACES = {
    "pyproject.toml": ['\nversion = "'],
    "src/ringback/__init__.py": ['__version__ = "'],
    "deploy/README.md": ["REGISTRY/ringback:"],
    "deploy/kubernetes/kustomization.yaml": ["newTag: "],
    "clients/go/Makefile": ["VERSION := v"],
    "clients/go/README.md": ["clients/go@v"],
    "clients/java/pom.xml": ["<artifactId>ringback-client</artifactId>\n  <version>"],
    "clients/java/README.md": ["<artifactId>ringback-client</artifactId>\n  <version>"],
    "clients/rust/Cargo.toml": ['name = "ringback-client"\nversion = "'],
    "clients/rust/Cargo.lock": ['name = "ringback-client"\nversion = "'],
    "clients/rust/README.md": ['ringback-client = "'],
    "clients/typescript/package.json": ['"name": "@ringback/client",\n  "version": "'],
    "clients/typescript/package-lock.json": [
        '"name": "@ringback/client",\n  "version": "',
        '"name": "@ringback/client",\n      "version": "',
    ],
}


def found() -> dict[str, str]:
    """The version at each place. Raises `SystemExit` when a place is not there any more."""
    versions = {}
    for name, texts in PLACES.items():
        content = (ROOT / name).read_text("utf-8")
        for text in texts:
            match = re.search(re.escape(text) + f"({NUMBER})", content)
            if match is None:
                raise SystemExit(f"{name}: no version after {text!r}")
            versions[f"{name} after {text.strip()!r}"] = match[1]
    return versions


def write(version: str) -> None:
    for name, texts in PLACES.items():
        path = ROOT / name
        content = path.read_text("utf-8")
        for text in texts:
            content = re.sub(re.escape(text) + NUMBER, text + version, content)
        path.write_text(content, "utf-8")


def main() -> None:
    match sys.argv[1:]:
        case ["--set", version] if re.fullmatch(NUMBER, version):
            write(version)
        case ["--check"]:
            pass
        case _:
            raise SystemExit(__doc__)
    versions = found()
    if len(set(versions.values())) != 1:
        raise SystemExit("\n".join(["The versions differ:", *(f"  {v}  {place}" for place, v in versions.items())]))
    print(f"Everything has version {next(iter(versions.values()))}.")


if __name__ == "__main__":
    main()
