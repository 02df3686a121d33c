"""`yilian keys`: files that stay secret, and what they sign. No node is asked."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chain import name_of
from tests.cli.conftest import Yilian
from yilian.ledger import codec, keys
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity import rules
from yilian.sdk.signers import Ed25519Signer, passphrase_file


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text("correct horse battery\n")
    path.chmod(0o600)
    return path


def test_a_sealed_key_is_made_and_used(yilian: Yilian, tmp_path: Path, passphrase: Path) -> None:
    path = tmp_path / "key"
    made = yilian("keys", "new", path, f"--passphrase-file={passphrase}", "--json")
    assert made.code == 0
    signer = Ed25519Signer.read(path, passphrase_file(passphrase))
    assert made.json["key_id"] == signer.key_id
    assert path.stat().st_mode & 0o777 == 0o600
    owner = name_of("owner")
    proved = yilian(
        "keys", "proof", path, f"--owner={owner}", f"--passphrase-file={passphrase}", "--json"
    ).json
    text = rules.key_proof(owner, signer.key)
    assert keys.verify(signer.key, text, codec.to_bytes(proved["proof"]))


def test_without_a_terminal_a_passphrase_is_missing(
    yilian: Yilian, tmp_path: Path, passphrase: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    said = yilian("keys", "new", path)
    assert said.code == 2
    assert "passphrase" in said.err
    assert not path.exists()
    monkeypatch.setenv("YILIAN_PASSPHRASE_FILE", str(passphrase))
    assert yilian("keys", "new", path).code == 0
    monkeypatch.delenv("YILIAN_PASSPHRASE_FILE")
    assert yilian("keys", "proof", path, f"--owner={name_of('o')}").code == 2


def test_at_a_terminal_a_passphrase_is_asked_twice_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "key"
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "yilian", "keys", "new", str(path), "--language", "en"]
    # A session of its own, whose terminal is the pty: a prompt asks /dev/tty, not stdin.
    command = [sys.executable, "-c", _IN_TERMINAL, os.ttyname(theirs), *line]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    for question in (b"Passphrase:", b"again:"):
        while question not in shown:
            shown += os.read(ours, 1024)
        os.write(ours, b"correct horse battery\n")
    assert process.wait(30) == 0
    os.close(ours)
    assert b"horse" not in shown
    assert Ed25519Signer.read(path, lambda: b"correct horse battery").key_id


_IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(os.open(sys.argv[1], os.O_RDWR), termios.TIOCSCTTY, 0)
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_a_plain_key_is_made_only_on_demand_and_said(yilian: Yilian, tmp_path: Path) -> None:
    path = tmp_path / "key"
    said = yilian("keys", "new", path, "--plain")
    assert said.code == 0
    assert "not sealed" in said.err
    seed = json.loads(path.read_text())["seed"]
    assert seed not in said.out + said.err


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_each_trouble_with_a_file_is_said(
    yilian: Yilian, tmp_path: Path, passphrase: Path, language: str
) -> None:
    path, wrong, loose = tmp_path / "key", tmp_path / "wrong", tmp_path / "loose"
    sealed = f"--passphrase-file={passphrase}"
    yilian("keys", "new", path, sealed)
    wrong.write_text("another horse\n")
    wrong.chmod(0o600)
    loose.write_text("correct horse battery\n")
    loose.chmod(0o644)
    owner = f"--owner={name_of('o')}"
    codes = {
        "key_file_exists": ["new", path, sealed],
        "key_file_not_written": ["new", tmp_path / "none" / "key", sealed],
        "key_file_missing": ["show", tmp_path / "none"],
        "key_file_damaged": ["show", wrong],
        "passphrase_wrong": ["proof", path, owner, f"--passphrase-file={wrong}"],
        "key_file_exposed": ["proof", path, owner, f"--passphrase-file={loose}"],
    }
    for code, arguments in codes.items():
        said = yilian("keys", *arguments, "--language", language, "--json")
        assert said.code == 2
        assert said.json["error"]["code"] == code
        assert said.err.strip().isascii() == (language == "en")


def test_ids_are_drawn(yilian: Yilian) -> None:
    drawn = {yilian("keys", "id").out.strip() for _ in range(5)}
    assert len(drawn) == 5
    for each in drawn:
        assert codec.decode(codec.encode(each), codec.Id) == each


def test_a_guardian_s_commitment_follows_its_salt(yilian: Yilian, tmp_path: Path) -> None:
    path = tmp_path / "key"
    yilian("keys", "new", path, "--plain")
    one = yilian("keys", "guardian", path, "--json").json
    two = yilian("keys", "guardian", path, "--json").json
    assert one["commitment"] != two["commitment"]
    again = yilian("keys", "guardian", path, f"--salt={one['salt']}", "--json").json
    assert again == one
    told = yilian("keys", "show", path, "--json").json
    key = PublicKey(told["suite"], told["public"])
    assert rules.guardian_commitment(key, one["salt"]) == one["commitment"]


def test_an_approval_is_what_the_law_reads(yilian: Yilian, tmp_path: Path) -> None:
    guardian, new = tmp_path / "guardian", tmp_path / "new"
    for path in (guardian, new):
        yilian("keys", "new", path, "--plain")
    salt = yilian("keys", "guardian", guardian, "--json").json["salt"]
    recovery, person = name_of("recovery"), name_of("person")
    approved = yilian(
        "keys",
        "approve",
        guardian,
        f"--recovery={recovery}",
        f"--person={person}",
        f"--new-key={new}",
        f"--salt={salt}",
        "--json",
    ).json
    told = yilian("keys", "show", new, "--json").json
    text = rules.recovery_approval(recovery, person, PublicKey(told["suite"], told["public"]))
    key = PublicKey(**approved["key"])
    assert keys.verify(key, text, codec.to_bytes(approved["signature"]))
