"""The command line end to end: against a real gateway on a socket, in both languages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.chain import CHAIN_ID, digest_of, name_of
from tests.cli.conftest import Served, Yilian
from tests.unit.sdk.running import Running, served
from yilian.ledger import codec, transaction
from yilian.sdk.signers import Ed25519Signer

TERMS = f"--terms={digest_of('terms')}"
SOON = ("--starts=now", "--ends=+30d")


# -- messages ----------------------------------------------------------------------------------


def test_a_grant_is_given_shown_listed_and_taken_back(node: Served, yilian: Yilian) -> None:
    alice = node.signs("alice")
    given = yilian("consent", "grant", TERMS, *SOON, *alice, "--json")
    assert given.code == 0
    answer = given.json
    grant = answer["new"]["grant"]
    assert answer["ok"] is True
    assert answer["status"] == "committed"
    assert grant in answer["sentence"]
    assert [each["type"] for each in answer["events"]] == ["consent.Granted"]
    shown = yilian("consent", "show", "grants", grant, f"--node={node.url}")
    assert shown.code == 0
    assert digest_of("terms") in shown.out
    listed = yilian("consent", "list", "grants", f"--node={node.url}", "--json").json
    assert grant in [each["id"] for each in listed["items"]]
    taken = yilian("consent", "revoke", f"--grant={grant}", *alice)
    assert taken.code == 0
    assert grant in taken.out
    again = yilian("consent", "revoke", f"--grant={grant}", *alice)
    assert again.code == 1
    assert again.out == ""
    assert "consent.already_revoked" in again.err


def test_people_read_the_sentence_the_block_and_the_new_id(node: Served, yilian: Yilian) -> None:
    said = yilian(
        "consent", "grant", TERMS, "--starts=0", "--ends=4000000000123", *node.signs("alice")
    )
    assert said.code == 0
    assert "from 1970-01-01T00:00:00Z until 2096-10-02T07:06:40.123Z" in said.out
    assert "Recorded in block" in said.out
    assert "New grant:" in said.out
    chinese = yilian("consent", "grant", TERMS, *SOON, *node.signs("alice"), "--language", "zh-CN")
    assert chinese.code == 0
    assert "允许查阅" in chinese.out
    assert "已记入区块" in chinese.out


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("Unknown grant", "next")), ("zh-CN", ("授权",))]
)
def test_a_refusal_says_what_why_and_what_next(
    node: Served, yilian: Yilian, language: str, words: tuple[str, ...]
) -> None:
    arguments = ["consent", "revoke", f"--grant={name_of('none')}", *node.signs("alice")]
    said = yilian(*arguments, "--language", language)
    assert (said.code, said.out) == (1, "")
    assert words[0] in said.err
    assert len(said.err.splitlines()) == 3
    answer = yilian(*arguments, "--language", language, "--json")
    assert answer.code == 1
    error = answer.json["error"]
    assert answer.json["ok"] is False
    assert (error["code"], error["number"]) == ("consent.unknown_grant", 301)
    assert error["parameters"] == {"id": name_of("none")}
    assert error["height"] > 0
    assert [error["title"], error["detail"], error["next"]] == [
        said.err.splitlines()[0].removesuffix(" (consent.unknown_grant)"),
        *said.err.splitlines()[1:],
    ]


def test_a_refusal_whose_parameter_is_called_key_is_said_too(
    node: Served, yilian: Yilian, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.key"
    Ed25519Signer.generate().write(stranger, None)
    options = [each for each in node.signs("alice") if not each.startswith("--key")]
    said = yilian("consent", "revoke", f"--grant={name_of('x')}", *options, f"--key={stranger}")
    assert said.code == 1
    assert "unknown_key" in said.err
    assert Ed25519Signer.read(stranger).key_id in said.err


def test_the_law_s_own_contradictions_are_refused_without_a_node(
    node: Served, yilian: Yilian
) -> None:
    alice = [each for each in node.signs("alice") if not each.startswith("--node")]
    said = yilian(
        "consent", "grant", TERMS, "--starts=+2d", "--ends=+1d", *alice, "--node=http://127.0.0.1:9"
    )
    assert said.code == 1
    assert "consent.bad_period" in said.err


def test_a_dry_run_shows_the_sentence_and_the_bytes_and_sends_nothing(
    node: Served, yilian: Yilian
) -> None:
    before = node.node.engine.height
    options = [*node.signs("alice"), f"--chain={CHAIN_ID}", "--dry-run", "--json"]
    options.append("--node=http://127.0.0.1:9")
    answer = yilian("consent", "grant", TERMS, *SOON, *options).json
    body = codec.decode(answer["body"].encode(), transaction.Body)
    assert body.chain == CHAIN_ID
    assert body.messages[0].grant == answer["new"]["grant"]  # type: ignore[attr-defined]
    # A proof block of what came before may still be written; it holds no transaction.
    engine = node.node.engine
    assert engine.pending() == 0
    for height in range(before + 1, engine.height + 1):
        block = engine.store.block(height)
        assert block is not None
        assert block.txs == ()


def test_without_waiting(node: Served, yilian: Yilian) -> None:
    answer = yilian("consent", "grant", TERMS, *SOON, *node.signs("alice"), "--no-wait", "--json")
    assert answer.code == 0
    assert answer.json["status"] in ("pending", "committed")


def test_settings_come_from_the_environment(
    node: Served, yilian: Yilian, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option in node.signs("alice"):
        name, _, value = option.removeprefix("--").partition("=")
        monkeypatch.setenv(f"YILIAN_{name.upper()}", value)
    monkeypatch.setenv("YILIAN_LANGUAGE", "zh-CN")
    said = yilian("consent", "grant", TERMS, *SOON)
    assert said.code == 0
    assert "已记入区块" in said.out


def test_a_custodian_acts_for_a_person(node: Served, yilian: Yilian) -> None:
    hospital = node.signs("hospital")
    tag = f"--tag={digest_of('cli ward')}"
    enrolled = yilian("identity", "enrol-person", tag, *hospital, "--json").json
    person = enrolled["new"]["person"]
    assert "none" in enrolled["sentence"]
    given = yilian(
        "consent", "grant", TERMS, *SOON, *hospital, f"--on-behalf-of={person}", "--json"
    )
    assert given.json["events"][0]["person"] == person


def test_a_vote_admits_a_member(node: Served, yilian: Yilian, tmp_path: Path) -> None:
    new = tmp_path / "pharmacy.key"
    Ed25519Signer.generate().write(new, None)
    enrolled = yilian(
        "identity",
        "enrol-organisation",
        "--kind=pharmacy",
        "--name=云溪药房",
        "--registration=A-1",
        f"--new-key={new}",
        *node.signs("hospital"),
        "--json",
    ).json
    organisation = enrolled["new"]["organisation"]
    assert "云溪药房" in enrolled["sentence"]
    proposed = yilian(
        "governance",
        "propose",
        "--action=admit_member",
        f"--organisation={organisation}",
        *node.signs("hospital"),
        "--json",
    ).json
    proposal = proposed["new"]["proposal"]
    assert f"make organisation {organisation} a member" in proposed["sentence"]
    for label in ("insurer", "authority"):
        options = node.signs(label)
        options[-1] = f"--payer={name_of(label)}"
        voted = yilian("governance", "vote", f"--proposal={proposal}", "--approve", *options)
        assert voted.code == 0, voted.err
    shown = yilian("governance", "show", "members", organisation, f"--node={node.url}", "--json")
    assert shown.json["id"] == organisation


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        (["--action=admit_member"], "--organisation"),
        (["--action=set_parameter", "--name=person_quota"], "--value"),
        (["--action=admit_member", "--organisation=@", "--value=1"], "--value"),
        (["--action=expel"], "--action"),
        ([], "--action"),
        (["--action=set_parameter", "--name=Person", "--value=1"], "--name"),
        (["--action=set_parameter", "--name=person_quota", "--value=many"], "--value"),
        (["--action=set_parameter", "--name=person_quota", "--value=-1"], "--value"),
    ],
)
def test_an_action_takes_its_own_parts_only(
    node: Served, yilian: Yilian, parts: list[str], wrong: str
) -> None:
    parts = [each.replace("@", name_of("o")) for each in parts]
    said = yilian("governance", "propose", *parts, *node.signs("hospital"))
    assert (said.code, said.out) == (2, "")
    assert wrong in said.err


def test_keys_are_added_rotated_and_recovered(node: Served, yilian: Yilian, tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{n}.key" for n in range(3))
    for path in (first, second, third):
        assert yilian("keys", "new", path, "--plain").code == 0
    ids = [yilian("keys", "show", path, "--json").json["key_id"] for path in (first, second, third)]
    enrolled = yilian(
        "identity",
        "enrol-person",
        f"--tag={digest_of('bob')}",
        f"--new-key={first}",
        *node.signs("hospital"),
        "--json",
    ).json
    bob = enrolled["new"]["person"]
    own = [f"--sender={bob}", f"--payer={name_of('hospital')}", f"--node={node.url}"]
    added = yilian("identity", "add-key", f"--new-key={second}", *own, f"--key={first}")
    assert added.code == 0, added.err
    rotated = yilian(
        "identity", "rotate-key", f"--old={ids[0]}", f"--new-key={third}", *own, f"--key={second}"
    )
    assert rotated.code == 0, rotated.err
    dead = yilian("identity", "revoke-key", f"--key-id={ids[1]}", *own, f"--key={first}")
    assert dead.code == 1
    assert "key_revoked" in dead.err
    guardians, salts = [], []
    for label in ("alice", "hospital"):
        node.signs(label)
        made = yilian("keys", "guardian", node.keys / f"{label}.key", "--json").json
        guardians.append(f"--guardians={made['commitment']}")
        salts.append((label, made["salt"]))
    named = yilian("identity", "set-guardians", "--threshold=2", *guardians, *own, f"--key={third}")
    assert named.code == 0, named.err
    new = tmp_path / "recovered.key"
    yilian("keys", "new", new, "--plain")
    recovery = yilian("keys", "id").out.strip()
    approvals = []
    for label, salt in salts:
        path = tmp_path / f"{label}.json"
        approved = yilian(
            "keys",
            "approve",
            node.keys / f"{label}.key",
            f"--recovery={recovery}",
            f"--person={bob}",
            f"--new-key={new}",
            f"--salt={salt}",
        )
        path.write_text(approved.out)
        approvals.append(f"--approvals={path}")
    asked = yilian(
        "identity",
        "propose-recovery",
        f"--recovery={recovery}",
        f"--person={bob}",
        f"--new-key={new}",
        *approvals,
        *node.signs("alice"),
        "--json",
    )
    assert asked.code == 0, asked.err
    assert asked.json["events"][0]["type"] == "identity.RecoveryProposed"
    stopped = yilian(
        "identity", "cancel-recovery", f"--recovery={recovery}", *own, f"--key={third}"
    )
    assert stopped.code == 0, stopped.err


def test_a_public_key_alone_needs_its_proof_given(
    node: Served, yilian: Yilian, tmp_path: Path
) -> None:
    new, public = tmp_path / "new.key", tmp_path / "new.pub"
    yilian("keys", "new", new, "--plain", f"--public={public}")
    told = yilian("keys", "show", public, "--json").json
    written = f"{told['suite']}:{told['public']}"
    for key in (public, written):
        said = yilian("identity", "add-key", f"--new-key={key}", *node.signs("alice"))
        assert said.code == 2
        assert "--proof" in said.err or "public key" in said.err
    proof = yilian("keys", "proof", new, f"--owner={name_of('alice')}").out.strip()
    added = yilian(
        "identity", "add-key", f"--new-key={written}", f"--proof={proof}", *node.signs("alice")
    )
    assert added.code == 0, added.err


# -- usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--grant", "short"),
        ("--grant", "A" * 21 + "B"),
        ("--terms", "x"),
        ("--starts", "yesterday"),
        ("--starts", "2026-01-31T09:00:00"),
        ("--starts", "-1"),
        ("--starts", "+999999999d"),
        ("--starts", "9" * 30),
        ("--expires-in", "0"),
        ("--expires-in", "nan"),
        ("--expires-in", "1e9"),
        ("--sender", "me"),
        ("--node", "ftp://node"),
        ("--language", "fr"),
        ("--key", "/nowhere/at/all"),
    ],
)
def test_a_value_that_cannot_be_meant_is_usage(
    node: Served, yilian: Yilian, option: str, value: str
) -> None:
    arguments = ["consent", "grant", TERMS, *SOON, *node.signs("alice")]
    said = yilian(*arguments, option, value)
    assert (said.code, said.out) == (2, "")
    assert said.err.strip()
    told = yilian(*arguments, option, value, "--json")
    assert told.code == 2
    assert told.json["ok"] is False


@pytest.mark.parametrize("moment", ["now", "+1s", "+15m", "+8h", "2026-01-31T09:00:00+08:00", "0"])
def test_moments_are_typed_in_many_ways(node: Served, yilian: Yilian, moment: str) -> None:
    options = [*node.signs("alice"), f"--chain={CHAIN_ID}", "--dry-run", "--json"]
    answer = yilian("consent", "grant", TERMS, f"--starts={moment}", "--ends=+9d", *options).json
    starts = json.loads(answer["body"])["messages"][0]["starts"]
    assert isinstance(starts, int)
    if moment.startswith("2026"):
        assert starts == 1_769_821_200_000


def test_words_of_a_list_are_chosen(node: Served, yilian: Yilian) -> None:
    options = [*node.signs("alice"), f"--chain={CHAIN_ID}", "--dry-run", "--json"]
    named = [f"--custodian={name_of('bob')}", "--ends=+9d", "--powers=grant"]
    answer = yilian("consent", "name-custodian", *named, "--powers=read", *options).json
    assert json.loads(answer["body"])["messages"][0]["powers"] == ["grant", "read"]
    assert "grant, read" in answer["sentence"]
    assert yilian("consent", "name-custodian", *named, "--powers=cure", *options).code == 2
    turned = yilian("consent", "name-custodian", *named, "--powers=change", *options)
    assert (turned.code, turned.json["error"]["code"]) == (1, "consent.bad_powers")


def test_a_moment_that_may_be_left_out_is_told_as_one(node: Served, yilian: Yilian) -> None:
    options = [*node.signs("hospital"), f"--chain={CHAIN_ID}", "--dry-run", "--json"]
    erasure = [f"--marks={'A' * 43}", f"--certificate={'A' * 43}"]
    sealed = yilian(
        "records", "erase", *erasure, "--extent=sealed", "--until=1769821200000", *options
    ).json
    assert "2026-01-31" in sealed["sentence"]
    gone = yilian("records", "erase", *erasure, "--extent=destroyed", *options).json
    assert "until" not in json.loads(gone["body"])["messages"][0]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["consnt"],
        ["consent", "grnt"],
        ["consent", "grant", "--colour=red"],
        ["consent", "grant"],
        ["consent", "show", "grants"],
        ["consent", "show", "colours", "x"],
        ["consent", "list", "grants", "--where=person"],
        ["consent", "list", "grants", "--limit=ten"],
        ["governance", "list", "parameters"],
        ["receipt", "abc"],
        ["verify"],
        ["keys", "show", "a", "b"],
        ["keys", "new", "x", "--plain=1"],
        ["status", "--patience"],
    ],
)
def test_wrong_usage_is_said_in_the_reader_s_language(
    yilian: Yilian, language: str, arguments: list[str]
) -> None:
    said = yilian("--language", language, *arguments)
    assert (said.code, said.out) == (2, "")
    first = said.err.splitlines()[0]
    assert first.isascii() == (language == "en"), said.err


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize(
    "noun", ["identity", "governance", "consent", "records", "verify", "status", "receipt", "keys"]
)
def test_help_is_in_the_reader_s_language(yilian: Yilian, language: str, noun: str) -> None:
    for arguments in ([noun, "--help"], ["--help"]):
        said = yilian(*arguments, "--language", language)
        assert said.code == 0
        assert ("用法" in said.out) == (language == "zh-CN")
        assert ("Usage" in said.out) == (language == "en")
        for foreign in ("Show this message", "Options:") if language == "zh-CN" else ("选项",):
            assert foreign not in said.out


@pytest.mark.parametrize(
    ("environment", "chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8", "YILIAN_LANGUAGE": "en"}, False),
        ({"LANG": "en_GB.UTF-8", "YILIAN_LANGUAGE": "zh-CN"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "de_DE.UTF-8"}, False),
        ({"LANG": "C"}, False),
        ({"LANG": "", "YILIAN_LANGUAGE": "fr"}, False),
    ],
)
def test_the_language_comes_from_the_environment(
    yilian: Yilian, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], chinese: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("用法" in yilian("--help").out) == chinese


# -- the node ----------------------------------------------------------------------------------


def test_status(node: Served, yilian: Yilian) -> None:
    said = yilian("status", f"--node={node.url}")
    assert said.code == 0
    assert f"Chain: {CHAIN_ID}" in said.out
    assert yilian("status", f"--node={node.url}", "--json").json["engine"] == "embedded"


def test_no_node_is_exit_code_3(yilian: Yilian) -> None:
    said = yilian("status", "--node=http://127.0.0.1:9", "--patience=0.2")
    assert (said.code, said.out) == (3, "")
    assert "http://127.0.0.1:9" in said.err
    told = yilian("status", "--node=http://127.0.0.1:9", "--patience=0.2", "--json")
    assert told.json["error"]["code"] == "unreachable"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>a printer</html>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def printer() -> Iterator[str]:
    """Something else that speaks HTTP."""
    server = HTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_another_server_is_exit_code_3(yilian: Yilian, printer: str) -> None:
    said = yilian("status", f"--node={printer}")
    assert said.code == 3
    assert "not a Yilian node" in said.err


def test_a_stopped_node_is_exit_code_4(
    yilian: Yilian, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Running(tmp_path) as running, served(running.app) as url:
        cast = Served(url, running, tmp_path_factory.mktemp("keys"))
        tag = f"--tag={digest_of('late')}"
        running.engine.close()
        said = yilian(
            "identity",
            "enrol-person",
            tag,
            *cast.signs("hospital"),
            f"--chain={CHAIN_ID}",
            "--patience=0.3",
        )
    assert said.code == 4, said
    assert "engine_stopped" in said.err or "unavailable" in said.err


# -- reading -----------------------------------------------------------------------------------


def test_lists_have_pages_and_filters(node: Served, yilian: Yilian) -> None:
    for _ in range(3):
        yilian("consent", "grant", TERMS, *SOON, *node.signs("alice"))
    here = f"--node={node.url}"
    first = yilian("consent", "list", "grants", here, "--limit=2", "--json").json
    assert len(first["items"]) == 2
    rest = yilian(
        "consent", "list", "grants", here, "--limit=2", f"--cursor={first['next']}", "--json"
    ).json
    assert not {each["id"] for each in rest["items"]} & {each["id"] for each in first["items"]}
    people = yilian("consent", "list", "grants", here, "--limit=2")
    assert first["items"][0]["id"] in people.out
    assert f"--cursor {first['next']}" in people.err
    none = yilian("consent", "list", "grants", here, f"--where=person={name_of('nobody')}")
    assert (none.code, none.out.strip()) == (0, "Nothing found.")
    wrong = yilian("consent", "list", "grants", here, "--where=colour=red")
    assert wrong.code == 1
    assert "bad_parameter" in wrong.err


def test_a_record_is_shown_with_its_proof(node: Served, yilian: Yilian) -> None:
    here = f"--node={node.url}"
    subject = name_of("hospital")
    plain = yilian("identity", "show", "subjects", subject, here)
    assert "云溪市" in plain.out
    proved = yilian("identity", "show", "subjects", subject, here, "--proof", "--json").json
    assert json.loads(proved["proof"]["value"]) == proved["value"]
    missing = yilian("identity", "show", "subjects", name_of("nobody"), here)
    assert missing.code == 1
    assert "not_found" in missing.err


def test_a_receipt_is_fetched_and_verified_without_the_node(
    node: Served, yilian: Yilian, tmp_path: Path
) -> None:
    given = yilian("consent", "grant", TERMS, *SOON, *node.signs("alice"), "--json").json
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    fetched = yilian(
        "receipt",
        given["hash"],
        f"--out={receipt}",
        f"--save-trust={trust}",
        f"--node={node.url}",
    )
    assert fetched.code == 0
    assert "own word" in fetched.err
    said = yilian("verify", receipt, f"--trust={trust}")
    assert said.code == 0
    assert "VERIFIED" in said.out
    assert f"accepted in block {given['height']} of {CHAIN_ID}" in said.out
    assert "one signer" in said.out
    piped = yilian("receipt", given["hash"], f"--node={node.url}", "--json").json
    assert piped == json.loads(receipt.read_text())


def test_an_unknown_receipt_is_refused(node: Served, yilian: Yilian) -> None:
    said = yilian("receipt", "0" * 64, f"--node={node.url}")
    assert said.code == 1
    assert "not_found" in said.err


# -- as a program ------------------------------------------------------------------------------


def program(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "yilian", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
        timeout=30,
        check=False,
    )


def test_it_runs_as_a_program() -> None:
    done = program("version", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["yilian"]
    assert program("nothing").returncode == 2
    assert program().returncode == 2


def test_an_old_terminal_does_not_break_it() -> None:
    done = program("--help", LANG="zh_CN.UTF-8", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_does_not_break_it() -> None:
    line = f"{sys.executable} -m yilian identity --help | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=30, check=False
    )
    assert "Traceback" not in done.stderr


def test_no_secret_is_ever_an_option() -> None:
    for noun in ("identity", "keys"):
        said = program(noun, "new" if noun == "keys" else "add-key", "--help").stdout
        assert "--passphrase " not in said
        assert "--seed" not in said
