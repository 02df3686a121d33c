"""The engine's program: where it is found, and from which module it was built.

What a program prints as its version is text that its authors keep by hand, and it was wrong in
several releases of this engine. The Go linker writes into every program which modules it was
built from; that is read here, from the file, without Go and without running it.

Source: Go, `debug/buildinfo` and `runtime/debug.ParseBuildInfo` (inline strings, since Go 1.18).
"""

from __future__ import annotations

import mmap
import os
import shutil
import sys
from pathlib import Path

import msgspec

ENGINE_MODULE = "github.com/cometbft/cometbft"
ENGINE_PACKAGE = f"{ENGINE_MODULE}/cmd/cometbft"
ENGINE_VERSION = "v0.38.25"
ENGINE_SUM = "h1:jtGSyssudmkjED2fk9wFGfd/fNyPKvLIinW62ELxZH4="
"""The hash of that module's files (`go.sum`, `h1`), as the Go checksum database has it."""

VARIABLE = "YILIAN_COMETBFT"
NAME = "cometbft"
NEXT = "make engine"

_MAGIC = b"\xff Go buildinf:"
_ALIGNED, _HEADER, _INLINE = 16, 32, 2
_SENTINEL = 16
_LONGEST = 2**20
_EXECUTABLE = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf")
"""How ELF and 64-bit Mach-O files begin."""


class EngineMissing(Exception):
    """No program of the engine stands where it is looked for; the text says what to do.

    `looked` lists the places, in the order in which they were tried.
    """

    def __init__(self, looked: tuple[str, ...]) -> None:
        super().__init__(
            f"CometBFT {ENGINE_VERSION} is missing: a consortium's members agree through it. "
            f"Looked for: {', '.join(looked)}. Next: {NEXT}"
        )
        self.looked = looked


class EngineDiffers(Exception):
    """The program that was found is not the pinned engine; the text says what to do.

    `path` is the program, `found` the module and version it was built from, in words.
    """

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(
            f"{path} is not {ENGINE_MODULE} {ENGINE_VERSION}, but {found}: members that run "
            f"different engines may stop agreeing. Next: {NEXT}, or let {VARIABLE} name the "
            "right program"
        )
        self.path = path
        self.found = found


class NoBuildInfo(ValueError):
    """A file that is no Go program, or one whose build information cannot be read."""


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """What the Go linker recorded: the main package, its module, and whether any was replaced."""

    package: str
    module: str
    version: str
    sum: str
    replaced: bool

    def words(self) -> str:
        """Say it in one line, for a message."""
        said = f"{self.module or self.package or 'a program of no module'} {self.version}".strip()
        if self.module == ENGINE_MODULE and self.package != ENGINE_PACKAGE:
            said += f", its program {self.package}"
        return said + ", with other code in place of a module's" * self.replaced


def engine_folder() -> Path:
    """Give the folder of this Python environment into which `make engine` builds."""
    return Path(sys.prefix) / "lib" / "yilian-engine"


def find_engine() -> Path:
    """Find the engine's program: `YILIAN_COMETBFT`, this environment's own, then the `PATH`.

    The first that is there decides; a wrong one is an error and not passed over. Raises
    EngineMissing and EngineDiffers.
    """
    named = os.environ.get(VARIABLE)
    if named:
        path = Path(named)
        if not _runs(path):
            raise EngineMissing((f"{VARIABLE}={named}",))
        return check_engine(path)
    own = engine_folder() / NAME
    if _runs(own):
        return check_engine(own)
    on_path = shutil.which(NAME)
    if on_path is None:
        raise EngineMissing((VARIABLE, str(own), f"{NAME} on the PATH"))
    return check_engine(Path(on_path).absolute())


def check_engine(path: Path) -> Path:
    """Give the path back if the program is the pinned engine. Raises EngineDiffers.

    A build from the module proxy carries the hash of the module's files, which must then be the
    right one; a build from a checkout of the source carries none.
    """
    try:
        build = read_build(path)
    except (NoBuildInfo, OSError) as error:
        raise EngineDiffers(path, str(error)) from error
    right = (ENGINE_PACKAGE, ENGINE_MODULE, ENGINE_VERSION, False)
    if (build.package, build.module, build.version, build.replaced) != right:
        raise EngineDiffers(path, build.words())
    if build.sum not in ("", ENGINE_SUM):
        raise EngineDiffers(path, f"{build.words()} from other files ({build.sum})")
    return path


def read_build(path: Path) -> Build:
    """Read from which package and module a Go program was built; it is not run.

    Raises NoBuildInfo, and OSError where the file cannot be read.
    """
    if not path.is_file():
        raise NoBuildInfo("no file")
    with path.open("rb") as file:
        if file.read(4) not in _EXECUTABLE:
            raise NoBuildInfo("no executable file of Linux or macOS")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parse(_module_text(data))


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _module_text(data: mmap.mmap) -> str:
    """Find the record: aligned, with inline strings, and with the linker's marks around it.

    The magic also occurs in programs that look for it; those places lack the rest.
    """
    at = data.find(_MAGIC)
    while at >= 0:
        if at % _ALIGNED == 0 and at + _HEADER <= len(data) and data[at + 15] & _INLINE:
            try:
                return _inline(data, at + _HEADER)
            except ValueError:
                pass
        at = data.find(_MAGIC, at + 1)
    raise NoBuildInfo("a program without Go's build information")


def _inline(data: mmap.mmap, at: int) -> str:
    """Read the second of two length-prefixed strings: the first is Go's own version."""
    _, at = _string(data, at)
    text, _ = _string(data, at)
    if len(text) < 2 * _SENTINEL or text[-_SENTINEL - 1 : -_SENTINEL] != b"\n":
        raise NoBuildInfo("no record of modules")
    return text[_SENTINEL:-_SENTINEL].decode()


def _string(data: mmap.mmap, at: int) -> tuple[bytes, int]:
    length = shift = 0
    while True:
        if at >= len(data) or shift > 28:
            raise NoBuildInfo("a damaged length")
        byte = data[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    if length > min(_LONGEST, len(data) - at):
        raise NoBuildInfo("a damaged length")
    return data[at : at + length], at + length


def _parse(text: str) -> Build:
    """Read the lines `path`, `mod`, `dep` and `=>`; what else stands there is passed over."""
    package = module = version = total = ""
    replaced = False
    for line in text.split("\n"):
        word, *fields = line.split("\t")
        if word == "path" and len(fields) == 1:
            package = fields[0]
        elif word == "mod" and len(fields) in (2, 3):
            module, version, total = [*fields, ""][:3]
        elif word == "=>":
            replaced = True
    return Build(package=package, module=module, version=version, sum=total, replaced=replaced)
