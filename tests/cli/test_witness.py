"""`yilian witness`: from the first key to the evidence of two histories, in both languages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Yilian
from tests.unit.node.logs import Log, log
from tests.unit.sdk.archives import A, B, log_of
from tests.unit.sdk.receipts import FOUR
from tests.unit.sdk.test_verify_log import medium
from yilian.ledger.checkpoint import Note, VerifierKey


@contextmanager
def serving(one: Log) -> Iterator[str]:
    """Serve a log as a node does; gives the node's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = one.fetch(self.path.removeprefix("/v1/log/"))
            self.send_response(404 if data is None else 200)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def home(tmp_path: Path, yilian: Yilian) -> Path:
    made = yilian("witness", "init", tmp_path / "w", "--name", "regulator.example/w", "--json")
    assert made.code == 0
    assert [VerifierKey.decode(each).kind for each in made.json["witness"]] == [4, 6]
    return tmp_path / "w"


def test_a_witness_from_its_keys_to_a_published_checkpoint(
    home: Path, tmp_path: Path, yilian: Yilian
) -> None:
    one, usb = log("a", 30), tmp_path / "usb"
    with serving(one) as url:
        run = ("witness", "run", home, "--log", url, "--publish", usb, "--once")
        bare = yilian(*run)
        assert (bare.code, "witness_no_log_key" in bare.err) == (1, True)
        assert yilian("witness", "pin", home, one.key.encode()).code == 0
        assert one.key.encode() in yilian("witness", "keys", home).out
        said = yilian(*run)
        assert (said.code, said.out) == (0, "Cosigned: 30 blocks.\n")
        assert yilian(*run).out == "Nothing new since 30 blocks.\n"
        one.grow(5)
        assert yilian(*run, "--language=zh-CN").out == "已联署：35 个区块。\n"
        one.grow(1)
        told = yilian(*run, "--json").json
        assert told == {"ok": True, "size": 36, "signed": True, "problems": []}
    assert len(Note.decode((usb / "checkpoint").read_bytes()).signatures) == 3
    away = yilian(*run)
    assert away.code == 1
    assert "witness_no_agreement" in away.err


def test_two_histories_end_the_witness_and_are_kept(
    home: Path, tmp_path: Path, yilian: Yilian
) -> None:
    a, b, usb = log("a", 20), log("b", 20, "branch "), tmp_path / "usb"
    yilian("witness", "pin", home, a.key.encode(), b.key.encode())
    with serving(a) as one, serving(b) as other:
        words = ("witness", "run", home, "--log", one, "--log", other, "--publish", usb)
        # Without --once too: a contradiction ends it.
        said = yilian(*words, "--every", "1")
        assert said.code == 1
        assert "witness_split_view" in said.err
        (kept,) = (home / "evidence").iterdir()
        (shown,) = (usb / "evidence").iterdir()
        assert kept.read_bytes() == shown.read_bytes()
        assert len(json.loads(kept.read_bytes())["notes"]) == 2
        again = yilian(*words, "--once", "--language=zh-CN")
        assert again.code == 1
        assert "见证方发现了矛盾" in again.err
    assert not (usb / "checkpoint").exists()


def test_who_is_not_counted_is_said(home: Path, tmp_path: Path, yilian: Yilian) -> None:
    a, b = log("a", 20), log("b", 20)
    b.say["checkpoint"] = b"garbage"
    yilian("witness", "pin", home, a.key.encode(), b.key.encode())
    with serving(a) as one, serving(b) as other:
        words = ("witness", "run", home, "--log", one, "--log", other, "--once")
        said = yilian(*words, "--publish", tmp_path / "usb")
        assert said.code == 1
        said = yilian(*words, "--publish", tmp_path / "usb", "--needed", "1")
        assert (said.code, said.out) == (0, "Cosigned: 20 blocks.\n")
        assert f"Not counted: {other} (its checkpoint cannot be read)." in said.err


def test_a_medium_that_is_away_is_said(home: Path, tmp_path: Path, yilian: Yilian) -> None:
    one, away = log("a", 20), tmp_path / "away"
    away.write_text("no folder")
    yilian("witness", "pin", home, one.key.encode())
    with serving(one) as url:
        words = ("witness", "run", home, "--log", url, "--publish", away, "--once")
        said = yilian(*words)
        assert (said.code, "cannot be written" in said.err) == (1, True)
        away.unlink()
        assert yilian(*words).code == 0
    assert (away / "checkpoint").is_file()


def test_trust_and_proof_files(tmp_path: Path, yilian: Yilian) -> None:
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    receipt.write_text(json.dumps(FOUR.receipt()))
    trust.write_text(json.dumps(FOUR.trust()))
    usb = medium(tmp_path / "usb", log_of(FOUR.receipt()), A, B)
    keys = [word for each in (A, B) for key in each.keys for word in ("--key", key.encode())]
    told = yilian("witness", "trust", trust, *keys, "--threshold", "2", "--json").json
    assert told["witnesses"] == [A.name, B.name]
    proof = tmp_path / "receipt.tlog-proof"
    assert yilian("witness", "prove", usb, receipt, "--out", proof).code == 0
    for words in (("--published", usb), ("--log-proof", proof)):
        said = yilian("verify", receipt, "--trust", trust, *words)
        assert said.code == 0
        assert "Level: archived." in said.out
        assert f"Witnesses: {A.name}, {B.name}, by 2026-03-01T08:01:00Z." in said.out
        chinese = yilian("verify", receipt, "--trust", trust, *words, "--language=zh-CN").out
        assert "级别：已归档。" in chinese
    both = yilian("verify", receipt, receipt, "--trust", trust, "--log-proof", proof)
    assert both.code == 2
    (usb / "checkpoint").unlink()
    gone = yilian("witness", "prove", usb, receipt, "--out", proof, "--json")
    assert (gone.code, gone.json["error"]["code"]) == (1, "not_in_log")
    refused = yilian("verify", receipt, "--trust", trust, "--published", usb)
    assert refused.code == 1
    assert "The log shown does not hold this block. (not_in_log)" in refused.out


@pytest.mark.parametrize(
    "words",
    [
        ("init", "{home}", "--name", "again"),
        ("init", "{new}", "--name", "w", "--log-key", "nonsense"),
        ("pin", "{home}"),
        ("pin", "{home}", "nonsense"),
        ("keys", "{new}"),
        ("run", "{home}", "--publish", "{new}"),
        ("run", "{home}", "--log", "ftp://x", "--publish", "{new}"),
        ("run", "{home}", "--log", "http://x", "--publish", "{new}", "--every", "0"),
        ("trust", "{home}/witness.json", "--threshold", "1"),
        ("prove", "{home}", "{new}", "--out", "{new}"),
    ],
)
def test_usage(words: tuple[str, ...], home: Path, tmp_path: Path, yilian: Yilian) -> None:
    places = {"home": home, "new": tmp_path / "new"}
    said = yilian("witness", *(each.format(**places) for each in words))
    assert said.code == 2, said
    assert said.err


@pytest.mark.parametrize("threshold", ["0", "3"])
def test_a_threshold_must_fit(threshold: str, tmp_path: Path, yilian: Yilian) -> None:
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps(FOUR.trust()))
    keys = [word for each in (A, B) for key in each.keys for word in ("--key", key.encode())]
    before = trust.read_bytes()
    assert yilian("witness", "trust", trust, *keys, "--threshold", threshold).code == 2
    assert trust.read_bytes() == before
