"""What `make portal` built: files by their address, in memory, each in the encodings it has."""

from __future__ import annotations

import mimetypes
from functools import cache
from pathlib import Path

import msgspec

from yilian.ledger.keys import sha256

DIST = Path(__file__).with_name("dist")
INDEX = "index.html"
SERVED = "portal"
"""The one folder of the built files that has addresses."""

ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Content codings that the build leaves beside a file (RFC 9110, section 8.4.1), best first."""

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A built file: its bytes by content coding (`identity` is always there), type and tag."""

    contents: dict[str, bytes]
    media_type: str
    etag: str
    hashed: bool

    def choose(self, accepted: str) -> str:
        """Choose a coding for an `Accept-Encoding` value; one with a weight of 0 is not taken."""
        offered = {}
        for item in accepted[:256].split(","):
            name, _, weight = item.strip().partition(";")
            offered[name.strip().lower()] = weight.replace(" ", "") not in ("q=0", "q=0.0")
        for name in ENCODINGS:
            if name in self.contents and offered.get(name, False):
                return name
        return "identity"


class Built(msgspec.Struct, frozen=True):
    """A whole build: the page, with `@NONCE@` where its nonce goes, and every file by address."""

    page: str
    assets: dict[str, Asset]


@cache
def built(folder: Path = DIST) -> Built | None:
    """Read a build; None where there is none. It is read once: a new build needs a new start."""
    index = folder / INDEX
    if not index.is_file():
        return None
    assets = {
        str(file.relative_to(folder)): _asset(file, folder)
        for file in sorted((folder / SERVED).rglob("*"))
        if file.is_file() and file.suffix not in ENCODINGS.values()
    }
    return Built(index.read_text("utf-8"), assets)


def _asset(file: Path, folder: Path) -> Asset:
    content = file.read_bytes()
    contents = {"identity": content}
    for name, suffix in ENCODINGS.items():
        beside = file.with_name(file.name + suffix)
        if beside.is_file():
            contents[name] = beside.read_bytes()
    guessed = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return Asset(
        contents=contents,
        media_type=_TYPES.get(file.suffix, guessed),
        etag=sha256(content).hex()[:32],
        hashed=file.is_relative_to(folder / SERVED / "assets"),
    )
