"""The files of the page, as they are sent: read once, with their types, their ETags, and compressed."""

from collections.abc import Mapping
from functools import cached_property
from gzip import decompress
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

import msgspec
from msgspec import Struct

# Of the package: `make page` puts them there, and a wheel has them.
FOLDER: Final = files(__package__) / "assets"
DOCUMENT: Final = "index.html"
MANIFEST: Final = "manifest.json"

_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
# A name has a hash of the content, so what is under it never changes.
_FOR_EVER: Final = "public, max-age=31536000, immutable"
# The document has the names of the others. A browser may keep it, and has to ask each time whether it is still so.
_WHILE_IT_IS_SO: Final = "no-cache"


class UnusableAssets(Exception):  # noqa: N818 - named for what happened
    """The files are not those that `make page` writes."""


class Representation(Struct, frozen=True, kw_only=True):
    """The bytes of a response. Compressed, they have an ETag of their own (RFC 9110, 8.8.3.3)."""

    body: bytes
    etag: str


class Asset(Struct, frozen=True, kw_only=True):
    """One file."""

    content_type: str
    cache_control: str
    plain: Representation
    gzipped: Representation


class Assets(Struct, frozen=True, dict=True):
    """All files: the document, and the others by the names that the document has for them."""

    document: Asset
    by_name: Mapping[str, Asset]

    @classmethod
    def read(cls, folder: Traversable = FOLDER) -> "Assets":
        """Return the files of a folder that are in its manifest. Raise `UnusableAssets`."""
        try:
            hashed = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, str])
            return cls(
                document=_read(folder, DOCUMENT, _WHILE_IT_IS_SO),
                by_name={name: _read(folder, name, _FOR_EVER) for name in sorted(hashed.values())},
            )
        except (OSError, EOFError, ValueError) as fault:
            raise UnusableAssets(f"the files of the page in {folder} are not whole: {fault}") from None

    @cached_property
    def gzipped_bytes(self) -> int:
        """Return how much a browser has to load at most."""
        return sum(len(asset.gzipped.body) for asset in (self.document, *self.by_name.values()))


def _read(folder: Traversable, name: str, cache_control: str) -> Asset:
    suffix = PurePosixPath(name).suffix
    if suffix not in _TYPES:
        raise ValueError(f"{name} has no type that is served")
    plain, gzipped = (folder / name).read_bytes(), (folder / f"{name}.gz").read_bytes()
    if decompress(gzipped) != plain:
        raise ValueError(f"{name}.gz is of another content")
    digest = sha256(plain).hexdigest()[:20]
    return Asset(
        content_type=_TYPES[suffix],
        cache_control=cache_control,
        plain=Representation(body=plain, etag=f'"{digest}"'),
        gzipped=Representation(body=gzipped, etag=f'"{digest}-gzip"'),
    )
