"""The practice data is what its tool writes, small enough, and names nobody real."""

from __future__ import annotations

from tools import practice


def test_the_files_are_what_the_tool_writes() -> None:
    assert practice.main(["--check"]) == 0


def test_nobody_real_is_in_them() -> None:
    texts = "".join(practice.files().values())
    for each in ("人民医院", "Lakeside", "阿莫西林"):
        assert each not in texts
