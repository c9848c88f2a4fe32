"""Installs each package that `make clients` has built into an empty project, and has its example call a server.

    python tests/packages/check.py              all languages
    python tests/packages/check.py go rust      some

What a package contains is checked, too. A language whose tools are missing is skipped, or is a failure where the
environment says CI=true. Exits with 1 on failure.
"""

import asyncio
import os
import re
import shutil
import sys
import tarfile
import tempfile
import traceback
import zipfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from tests.hunts.server import ServerProcess

_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = _ROOT / "build/packages"
_SERVICES: Final = "- sip_address: sip:support@cc.example\n"
# Compilers and downloads included.
_PATIENCE_S: Final = 600.0


class Failed(Exception):  # noqa: N818 - printed as it is
    """A command has not succeeded."""


@dataclass
class Project:
    """A new user's empty folder, and the port of the server."""

    folder: Path
    port: int

    def write(self, name: str, text: str) -> None:
        """Make a file, with the server's address in the place of the one that examples have."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("localhost:50051", f"127.0.0.1:{self.port}"), encoding="utf-8")

    async def run(self, *command: str | Path, **settings: str) -> str:
        """Run a command in the folder; return what it prints. Raise `Failed`."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env=os.environ | settings,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(_PATIENCE_S):
            output, _ = await process.communicate()
        if process.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))}\n{output.decode()[-4000:]}")
        return output.decode()


async def _python(project: Project) -> str:
    await project.run(sys.executable, "-m", "venv", "venv")
    await project.run("venv/bin/pip", "install", "--quiet", _the_one("python/*.whl"))
    project.write("main.py", _example("python", "python"))
    return await project.run("venv/bin/python", "main.py")


async def _go(project: Project) -> str:
    version = _the_one("go/github.com/ringback/ringback/clients/go/@v/*.zip").stem
    mine, theirs = (await project.run("go", "env", "GOMODCACHE")).strip(), (await project.run("go", "env", "GOPROXY"))
    settings = {
        # A cache of its own, since another build of the same version may be in that of the user.
        "GOMODCACHE": str(project.folder / "cache"),
        "GOFLAGS": "-modcacherw -mod=mod",
        "GOPROXY": f"file://{_PACKAGES}/go,file://{mine}/cache/download,{theirs.strip()}",
        "GONOSUMDB": "github.com/ringback/*",
    }
    project.write("main.go", _example("go", "go"))
    await project.run("go", "mod", "init", "example.com/mine")
    # The sums of what the client needs itself: no database of sums is needed for them.
    project.write("go.sum", (_ROOT / "clients/go/go.sum").read_text(encoding="utf-8"))
    await project.run("go", "get", f"github.com/ringback/ringback/clients/go@{version}", **settings)
    return await project.run("go", "run", ".", **settings)


async def _typescript(project: Project) -> str:
    wanted = ("typescript", "@types/node")
    versions = re.findall(rf'"({"|".join(wanted)})": "(.*?)"', _text("clients/typescript/package.json"))
    project.write("package.json", '{"type": "module", "private": true}\n')
    project.write("main.ts", _example("typescript", "ts"))
    packages = [str(_the_one("typescript/*.tgz")), *(f"{name}@{version}" for name, version in versions)]
    await project.run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", *packages)
    await project.run(
        "npx", "tsc", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "node", "main.ts"
    )
    return await project.run("node", "main.js")


async def _java(project: Project) -> str:
    # Maven never looks again for a version that it has.
    shutil.rmtree(Path.home() / ".m2/repository/com/ringback/ringback-client", ignore_errors=True)
    snippets = re.findall(r"```xml\n(.*?)```", _text("clients/java/README.md"), re.DOTALL)
    repository, dependency = "".join(snippets).split("\n\n")
    repository = repository.replace("/path/to/ringback", str(_ROOT))
    project.write(
        "pom.xml",
        f"""<project>
  <modelVersion>4.0.0</modelVersion><groupId>mine</groupId><artifactId>mine</artifactId><version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <repositories>{repository}</repositories>
  <dependencies>{dependency}</dependencies>
</project>
""",
    )
    # The page leaves out the imports of what is compiled here; the client's own test compares the rest.
    example = "src/{}/java/com/ringback/example/Quickstart.java"
    project.write(example.format("main"), _text(f"clients/java/{example.format('test')}"))
    maven = ("mvn", "--batch-mode", "--no-transfer-progress", "--quiet")
    plugins = re.findall(
        r"<artifactId>(maven-(?:compiler|dependency)-plugin)</artifactId>\s*<version>(.*?)</",
        _text("clients/java/pom.xml"),
    )
    goals = {name.split("-")[1]: f"org.apache.maven.plugins:{name}:{version}" for name, version in plugins}
    await project.run(
        *maven, f"{goals['compiler']}:compile", f"{goals['dependency']}:build-classpath", "-Dmdep.outputFile=classpath"
    )
    classpath = (project.folder / "classpath").read_text(encoding="utf-8")
    return await project.run("java", "-cp", f"target/classes{os.pathsep}{classpath}", "com.ringback.example.Quickstart")


async def _rust(project: Project) -> str:
    crate = _the_one("rust/*.crate")
    with tarfile.open(crate) as archive:
        archive.extractall(project.folder / "unpacked", filter="data")
    [dependencies] = re.findall(r"```toml\n(.*?)```", _text("clients/rust/README.md"), re.DOTALL)
    local = re.sub(r'ringback-client = ".*"', f'ringback-client = {{ path = "unpacked/{crate.stem}" }}', dependencies)
    project.write("Cargo.toml", f'[package]\nname = "mine"\nversion = "0.0.0"\nedition = "2024"\n\n{local}')
    project.write("src/main.rs", _example("rust", "rust,no_run"))
    # The versions that were compiled already, where that is possible.
    shutil.copy(_ROOT / "clients/rust/Cargo.lock", project.folder)
    return await project.run("cargo", "run", "--quiet", CARGO_TARGET_DIR=str(_ROOT / "build/cargo"))


def _text(path: str) -> str:
    return (_ROOT / path).read_text(encoding="utf-8")


def _example(client: str, language: str) -> str:
    """Return the first block of code in that language on the page of a client."""
    found: str = re.findall(rf"```{language}\n(.*?)```", _text(f"clients/{client}/README.md"), re.DOTALL)[0]
    return found


def _the_one(pattern: str) -> Path:
    found = list(_PACKAGES.glob(pattern))
    if len(found) != 1:
        raise Failed(f"{len(found)} packages are {_PACKAGES}/{pattern}: make clients")
    return found[0]


@dataclass(frozen=True)
class Language:
    """How a package is used, what for, and the files that must be in each of its archives."""

    tools: Sequence[str]
    use: Callable[[Project], Awaitable[str]]
    archives: Mapping[str, Sequence[str]]


_PAPERS: Final = ("LICENSE", "README.md", "CHANGELOG.md")
# Users of the server need no Node.js: the page is in the package as it is sent.
_PAGE: Final = tuple(
    f"ringback/web/page/assets/{each.name}" for each in (_ROOT / "src/ringback/web/page/assets").iterdir()
)
_LANGUAGES: Final[Mapping[str, Language]] = {
    # A wheel has its page in METADATA, which links the changelog.
    "python": Language(
        (),
        _python,
        {"python/*.whl": ("licenses/LICENSE", "METADATA", *_PAGE), "python/*.tar.gz": (*_PAPERS, *_PAGE)},
    ),
    "go": Language(("go",), _go, {"go/github.com/ringback/ringback/clients/go/@v/*.zip": (*_PAPERS, "go.mod")}),
    "typescript": Language(("node", "npm"), _typescript, {"typescript/*.tgz": (*_PAPERS, "package.json")}),
    "java": Language(
        ("mvn", "java"),
        _java,
        {
            "java/com/ringback/ringback-client/*/ringback-client-*[0-9].jar": tuple(f"META-INF/{n}" for n in _PAPERS),
            "java/com/ringback/ringback-client/*/*-sources.jar": ("com/ringback/client/Callbacks.java",),
            "java/com/ringback/ringback-client/*/*-javadoc.jar": ("com/ringback/client/Callbacks.html",),
        },
    ),
    "rust": Language(("cargo",), _rust, {"rust/*.crate": (*_PAPERS, "Cargo.toml")}),
}


def _missing_files(archives: Mapping[str, Sequence[str]]) -> Sequence[str]:
    missing = []
    for pattern, wanted in archives.items():
        path = _the_one(pattern)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        else:
            with tarfile.open(path) as archive:
                names = archive.getnames()
        missing += [
            f"{path.name} lacks {name}" for name in wanted if not any(f"/{n}".endswith(f"/{name}") for n in names)
        ]
    return missing


async def _check(name: str, port: int) -> bool:
    language = _LANGUAGES[name]
    if missing := [tool for tool in language.tools if shutil.which(tool) is None]:
        print(f"{name}: not checked: no {' and no '.join(missing)} on this machine")  # noqa: T201
        return os.environ.get("CI") != "true"
    try:
        assert _missing_files(language.archives) == []
        with tempfile.TemporaryDirectory(prefix="ringback-packages-") as folder:
            output = await language.use(Project(Path(folder), port))
        last = output.splitlines()[-1]
        assert "completed" in last.casefold(), output
    except Exception:  # noqa: BLE001 - one failure does not stop the others
        traceback.print_exc()
        print(f"FAIL  {name}", flush=True)  # noqa: T201
        return False
    print(f"ok    {name}: {last}", flush=True)  # noqa: T201
    return True


async def _check_all(names: Sequence[str]) -> bool:
    with tempfile.TemporaryDirectory(prefix="ringback-packages-") as folder:
        services = Path(folder) / "services.yaml"
        services.write_text(_SERVICES, encoding="utf-8")
        server = ServerProcess(Path(folder), "server", "", ("--services", str(services)))
        await server.start()
        try:
            return all([await _check(name, server.port) for name in names])
        finally:
            await server.kill()


@click.command()
@click.argument("languages", nargs=-1, type=click.Choice(list(_LANGUAGES)))
def main(languages: Sequence[str]) -> None:
    """Use the packages of LANGUAGES as a new user does."""
    sys.exit(0 if asyncio.run(_check_all(languages or list(_LANGUAGES))) else 1)


if __name__ == "__main__":
    main()
