"""What registries show of each package is complete, and the same for all languages."""

import json
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/ringback/ringback"
PROJECT = "The Ringback project"
LICENCE = "Apache-2.0"


@pytest.fixture(scope="module")
def python() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def typescript() -> dict[str, Any]:
    return json.loads((ROOT / "clients/typescript/package.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def rust() -> dict[str, Any]:
    return tomllib.loads((ROOT / "clients/rust/Cargo.toml").read_text(encoding="utf-8"))["package"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def java() -> dict[str, str]:
    """Return the text of each element of the POM by its path, without those of dependencies and plugins."""
    root = ET.parse(ROOT / "clients/java/pom.xml").getroot()
    namespace = "{http://maven.apache.org/POM/4.0.0}"
    texts: dict[str, str] = {}

    def walk(element: ET.Element, path: str) -> None:
        for child in element:
            name = f"{path}/{child.tag.removeprefix(namespace)}".strip("/")
            texts[name] = (child.text or "").strip()
            walk(child, name)

    walk(root, "")
    return texts


def test_python(python: dict[str, Any]) -> None:
    assert python["description"]
    assert python["license"] == LICENCE
    assert python["license-files"] == ["LICENSE"]
    assert python["maintainers"] == [{"name": PROJECT}]
    assert python["keywords"]
    assert "Typing :: Typed" in python["classifiers"]
    assert python["urls"] == {
        "Homepage": REPOSITORY,
        "Documentation": f"{REPOSITORY}/tree/main/docs",
        "Repository": f"{REPOSITORY}.git",
        "Issues": f"{REPOSITORY}/issues",
        "Changelog": f"{REPOSITORY}/blob/main/CHANGELOG.md",
    }


def test_typescript(typescript: dict[str, Any]) -> None:
    assert typescript["description"]
    assert typescript["license"] == LICENCE
    assert typescript["author"] == PROJECT
    assert typescript["keywords"]
    assert typescript["homepage"] == f"{REPOSITORY}/tree/main/clients/typescript#readme"
    assert typescript["repository"] == {
        "type": "git",
        "url": f"git+{REPOSITORY}.git",
        "directory": "clients/typescript",
    }
    assert typescript["bugs"] == {"url": f"{REPOSITORY}/issues"}
    # A package with a scope is private unless it says otherwise.
    assert typescript["publishConfig"] == {"access": "public"}
    assert "CHANGELOG.md" in typescript["files"]


def test_rust(rust: dict[str, Any]) -> None:
    assert rust["description"]
    assert rust["license"] == LICENCE
    assert rust["authors"] == [PROJECT]
    assert rust["readme"] == "README.md"
    assert rust["homepage"] == REPOSITORY
    assert rust["repository"] == f"{REPOSITORY}/tree/main/clients/rust"
    assert rust["documentation"] == "https://docs.rs/ringback-client"
    # crates.io refuses more than five of each.
    assert 0 < len(rust["keywords"]) <= 5
    assert 0 < len(rust["categories"]) <= 5
    assert set(rust["include"]) >= {"/src", "/README.md", "/LICENSE", "/CHANGELOG.md"}


def test_java_has_what_maven_central_requires(java: dict[str, str]) -> None:
    for path in ("groupId", "artifactId", "version", "name", "description"):
        assert java[path]
    assert java["url"] == REPOSITORY
    assert java["licenses/license/name"] == LICENCE
    assert java["licenses/license/url"] == "https://www.apache.org/licenses/LICENSE-2.0"
    assert java["developers/developer/name"] == PROJECT
    assert java["developers/developer/url"] == REPOSITORY
    assert java["scm/url"] == f"{REPOSITORY}/tree/main/clients/java"
    assert java["scm/connection"] == f"scm:git:{REPOSITORY}.git"
    assert java["scm/developerConnection"] == f"scm:git:{REPOSITORY}.git"
    assert java["issueManagement/url"] == f"{REPOSITORY}/issues"


def test_go_is_where_the_repository_is() -> None:
    """A module has no other metadata than its path; the proxy adds the LICENSE of the repository's root."""
    module = (ROOT / "clients/go/go.mod").read_text(encoding="utf-8").splitlines()[0]
    assert module == f"module {REPOSITORY.removeprefix('https://')}/clients/go"


@pytest.mark.parametrize("client", ["python", "go", "typescript", "java", "rust"])
def test_the_page_of_each_client_links_the_changelog(client: str) -> None:
    """In full, since registries and mirrors show the page without the repository around it."""
    page = (ROOT / "clients" / client / "README.md").read_text(encoding="utf-8")
    assert f"({REPOSITORY}/blob/main/CHANGELOG.md)" in page
