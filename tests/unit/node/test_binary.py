"""Which program is the engine: decided by the modules it was built from, never by what it says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from yilian.node import binary
from yilian.node.binary import (
    ENGINE_MODULE,
    ENGINE_PACKAGE,
    ENGINE_SUM,
    ENGINE_VERSION,
    Build,
    EngineDiffers,
    EngineMissing,
    NoBuildInfo,
    check_engine,
    find_engine,
    read_build,
)

ELF = b"\x7fELF" + bytes(12)
MACH_O = b"\xcf\xfa\xed\xfe" + bytes(12)
MAGIC = b"\xff Go buildinf:"
HEADER = MAGIC + b"\x08\x02" + bytes(16)
START = bytes.fromhex("3077af0c9274080241e1c107e6d618e6")
END = bytes.fromhex("f932433186182072008242104116d8f2")
RIGHT = (
    f"path\t{ENGINE_PACKAGE}",
    f"mod\t{ENGINE_MODULE}\t{ENGINE_VERSION}\t{ENGINE_SUM}",
    "dep\texample.org/one\tv1.0.0\th1:AAAA=",
    "build\tGOOS=linux",
)


def string(data: bytes) -> bytes:
    """Write a string as the linker does: its length as a uvarint, then its bytes."""
    length, out = len(data), b""
    while length >= 0x80:
        out += bytes([length & 0x7F | 0x80])
        length >>= 7
    return out + bytes([length]) + data


def record(*lines: str) -> bytes:
    """Make the linker's record of a program built from modules."""
    text = "".join(line + "\n" for line in lines).encode()
    return HEADER + string(b"go1.26.1") + string(START + text + END)


def program(folder: Path, data: bytes, name: str = "cometbft") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o755)
    return path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without an engine: an empty environment, an empty PATH, no variable."""
    monkeypatch.delenv(binary.VARIABLE, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.mark.parametrize("start", [ELF, MACH_O])
def test_the_record_is_read_without_running_the_program(tmp_path: Path, start: bytes) -> None:
    path = program(tmp_path, start + b"\x90" * 4096 + record(*RIGHT) + b"tail")
    path.chmod(0o400)
    assert read_build(path) == Build(
        package=ENGINE_PACKAGE,
        module=ENGINE_MODULE,
        version=ENGINE_VERSION,
        sum=ENGINE_SUM,
        replaced=False,
    )
    assert check_engine(path) == path


def test_a_build_from_a_checkout_carries_no_sum(tmp_path: Path) -> None:
    lines = (RIGHT[0], f"mod\t{ENGINE_MODULE}\t{ENGINE_VERSION}\t", *RIGHT[2:])
    assert check_engine(program(tmp_path, ELF + record(*lines)))


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ((RIGHT[0], f"mod\t{ENGINE_MODULE}\tv0.38.24\th1:AAAA="), "v0.38.24"),
        ((RIGHT[0], f"mod\t{ENGINE_MODULE}\tv0.38.25+dirty\t"), "+dirty"),
        ((RIGHT[0], f"mod\t{ENGINE_MODULE}\t(devel)\t"), "(devel)"),
        ((RIGHT[0], f"mod\texample.org/cometbft\t{ENGINE_VERSION}\t"), "example.org/cometbft"),
        ((RIGHT[0], f"dep\t{ENGINE_MODULE}\t{ENGINE_VERSION}\t{ENGINE_SUM}"), ENGINE_PACKAGE),
        ((f"path\t{ENGINE_MODULE}/test/e2e/node", RIGHT[1]), "test/e2e/node"),
        ((RIGHT[0], f"mod\t{ENGINE_MODULE}\t{ENGINE_VERSION}\th1:AAAA="), "h1:AAAA="),
        ((*RIGHT[:3], "=>\texample.org/other\tv1.0.0\th1:BBBB="), "in place of"),
        (("path\tcommand-line-arguments",), "command-line-arguments"),
        (("build\tGOOS=linux",), "no module"),
    ],
)
def test_another_build_is_named(tmp_path: Path, lines: tuple[str, ...], named: str) -> None:
    path = program(tmp_path, ELF + record(*lines))
    with pytest.raises(EngineDiffers) as caught:
        check_engine(path)
    assert named in caught.value.found
    assert caught.value.path == path
    assert named in str(caught.value)
    assert "make engine" in str(caught.value)


def test_a_cut_file_is_no_engine_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = ELF + record(*RIGHT)
    for length in range(len(whole)):
        with pytest.raises(EngineDiffers):
            check_engine(program(tmp_path, whole[:length]))
    assert check_engine(program(tmp_path, whole))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#!/bin/sh\necho 0.38.25\n",
        record(*RIGHT),
        ELF,
        ELF + b"mod\t" + ENGINE_MODULE.encode() + b"\t" + ENGINE_VERSION.encode(),
        ELF + b"\x00" + record(*RIGHT),
        ELF + MAGIC + b"\x08\x00" + bytes(16) + record(*RIGHT)[32:],
        ELF + HEADER + b"\xff" * 64,
        ELF + HEADER + string(b"go1.26.1") + string(b""),
        ELF + HEADER + string(b"go1.26.1") + string(b"\n" * 20),
        ELF + HEADER + string(b"go1.26.1") + string(START + b"\xff\xfe\n" + END),
        ELF + HEADER + string(b"go1.26.1") + b"\xff\xff\xff\xff\x7f" + bytes(64),
    ],
    ids=[
        "empty",
        "script",
        "no executable",
        "no record",
        "words only",
        "not aligned",
        "pointers",
        "endless length",
        "no modules",
        "no marks",
        "no text",
        "too long",
    ],
)
def test_what_carries_no_record_is_refused(tmp_path: Path, data: bytes) -> None:
    path = program(tmp_path, data)
    with pytest.raises(NoBuildInfo):
        read_build(path)
    with pytest.raises(EngineDiffers):
        check_engine(path)


def test_a_place_that_only_looks_for_records_is_passed_over(tmp_path: Path) -> None:
    decoys = HEADER + bytes(16) + b"\x00" + MAGIC + b"\x00" * 1 + HEADER
    decoys += bytes(-len(decoys) % 16)
    assert check_engine(program(tmp_path, ELF + decoys + record(*RIGHT)))


def test_a_folder_a_pipe_and_nothing_are_no_programs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "absent"):
        with pytest.raises(EngineDiffers):
            check_engine(tmp_path / name)


def test_nothing_anywhere_says_where_it_looked_and_what_to_do(places: Path) -> None:
    with pytest.raises(EngineMissing) as caught:
        find_engine()
    text = str(caught.value)
    assert caught.value.looked[0] == "YILIAN_COMETBFT"
    for part in (*caught.value.looked, ENGINE_VERSION, "make engine"):
        assert part in text


def test_the_variable_comes_first_then_the_environment_then_the_path(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ELF + record(*RIGHT)
    on_path = program(places / "bin", right)
    assert find_engine() == on_path
    own = program(binary.engine_folder(), right)
    assert own.is_relative_to(places / "environment")
    assert find_engine() == own
    named = program(places, right, "named")
    monkeypatch.setenv(binary.VARIABLE, str(named))
    assert find_engine() == named


def test_a_wrong_program_is_not_passed_over(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(places / "bin", ELF + record(*RIGHT))
    own = program(binary.engine_folder(), ELF + record("path\texample.org/x"))
    with pytest.raises(EngineDiffers) as caught:
        find_engine()
    assert caught.value.path == own
    own.unlink()
    assert find_engine()
    monkeypatch.setenv(binary.VARIABLE, str(places / "absent"))
    with pytest.raises(EngineMissing, match="absent"):
        find_engine()


def test_a_file_that_may_not_be_run_is_not_found(places: Path) -> None:
    own = program(binary.engine_folder(), ELF + record(*RIGHT))
    own.chmod(0o644)
    with pytest.raises(EngineMissing):
        find_engine()


def test_the_real_engine_is_the_pinned_one() -> None:
    try:
        path = find_engine()
    except EngineMissing as missing:
        pytest.skip(str(missing))
    build = read_build(path)
    assert (build.module, build.version) == (ENGINE_MODULE, ENGINE_VERSION)
    assert build.sum in ("", ENGINE_SUM)
