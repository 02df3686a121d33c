"""Files of others are oracles, and never part of the project."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from tests.shared import shared

ROOT = Path(__file__).resolve().parents[2]
LEAST = 64
"""Bytes; what is smaller is alike by chance."""


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_no_file_of_the_public_data_is_in_the_project() -> None:
    """GS1's documents and all others: by content, whatever the file is called."""
    theirs = {
        _digest(each): each.name
        for each in shared("epcis").rglob("*")
        if each.is_file() and each.stat().st_size >= LEAST
    }
    assert theirs
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    ours = [ROOT / each for each in listed.split("\0") if each]
    assert len(ours) > 100
    taken = {str(each): theirs.get(_digest(each)) for each in ours if each.is_file()}
    assert not {name: found for name, found in taken.items() if found}
