"""`yilian network`: what is made, what is said, and what is refused; nothing runs here."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import Yilian
from yilian.bootstrap.joining import MAX_FILE, Invitation, Request, join, read, write
from yilian.bootstrap.joining import Newcomer as Newcomer_
from yilian.bootstrap.making import Founder
from yilian.bootstrap.network import Network
from yilian.cli.network.making import read_member
from yilian.node.config import NodeFolder

MEMBERS = ("A", "B", "C", "D")


def words(language: str) -> dict[str, Any]:
    folder = Path(str(import_module("yilian.text").__file__)).parent
    found: dict[str, Any] = json.loads((folder / language / "network.json").read_text("utf-8"))
    return found


def flat(found: dict[str, Any], path: str = "") -> dict[str, str]:
    """Give every sentence by its path."""
    told = {}
    for key, value in found.items():
        if isinstance(value, dict):
            told |= flat(value, f"{path}/{key}")
        else:
            told[f"{path}/{key}"] = value
    return told


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of four."""
    from yilian.cli import main

    path = tmp_path_factory.mktemp("network") / "net"
    assert main(["network", "init", str(path), "--members", "A,B,C,D", "--port", "21000"]) == 0
    return path


def test_all_members_agree_on_one_genesis_and_know_each_other(made: Path) -> None:
    network = Network.read(made)
    assert tuple(each.name for each in network.members) == MEMBERS
    peers = {}
    for each in network.members:
        folder = NodeFolder(made / each.folder)
        consensus = folder.configuration().consensus
        assert consensus is not None
        peers[each.name] = {peer.name: peer.node for peer in consensus.peers}
        genesis = json.loads((folder.engine / "config" / "genesis.json").read_text())
        assert genesis["app_state"]["genesis"] == network.genesis
        assert len(genesis["validators"]) == 4
        for key in (folder.members_key, folder.path / "validator.key"):
            assert key.stat().st_mode & 0o077 == 0
    for name, known in peers.items():
        assert set(known) == set(MEMBERS) - {name}
    assert len({node for known in peers.values() for node in known.values()}) == 4
    ports = {NodeFolder(made / each).configuration().port for each in MEMBERS}
    assert len(ports) == 4


def test_it_says_the_next_command(yilian: Yilian, tmp_path: Path) -> None:
    path = tmp_path / "net"
    said = yilian("network", "init", path, "--members", "north,south")
    assert f"yilian network up {path}" in said.out
    assert "no one may be down" in said.out
    assert yilian("network", "init", path).code == 2


def test_names_follow_the_reader_and_can_be_real(yilian: Yilian, tmp_path: Path) -> None:
    said = yilian("network", "init", tmp_path / "one", "--language", "zh-CN", "--json").json
    assert [each["organisation_name"] for each in said["members"]][:1] == ["A医院"]
    assert [each["kind"] for each in said["members"]] == [
        "hospital",
        "hospital",
        "insurer",
        "authority",
    ]
    said = yilian(
        "network",
        "init",
        tmp_path / "two",
        "--member",
        "one:hospital:云溪市第一人民医院:H-1",
        "--member",
        "two:clinic:Lakeside Clinic:C-2",
        "--machine",
        "two=10.0.0.2",
        "--json",
    ).json
    assert said["members"][0]["organisation_name"] == "云溪市第一人民医院"
    apart = NodeFolder(tmp_path / "two" / "two").configuration()
    assert apart.consensus is not None
    assert apart.members is not None
    assert apart.members.url == "https://10.0.0.2:8421"
    assert apart.host == "127.0.0.1"
    other = NodeFolder(tmp_path / "two" / "one").configuration().consensus
    assert other is not None
    assert [(each.host, each.port) for each in other.peers] == [("10.0.0.2", 8422)]


@pytest.mark.parametrize(
    "options",
    [
        ["--members", "A,A"],
        ["--members", "A,a"],
        ["--members", ","],
        ["--members", "../A"],
        ["--members", "A,-B"],
        ["--members", "A" * 33],
        ["--members", "A", "--member", "B:hospital:B:H-1"],
        ["--member", "B:hotel:B:H-1"],
        ["--member", "B:hospital:B"],
        ["--port", "0"],
        ["--port", "65530"],
        ["--empty-blocks", "61"],
        ["--empty-blocks", "0"],
        ["--machine", "Z=10.0.0.1"],
        ["--machine", "A=http://x"],
        ["--chain", "Not A Chain"],
    ],
)
def test_what_cannot_be_meant_is_refused_and_leaves_nothing(
    yilian: Yilian, tmp_path: Path, options: list[str]
) -> None:
    said = yilian("network", "init", tmp_path / "net", *options, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "usage"
    assert not (tmp_path / "net").exists()


def test_two_members_with_one_number_are_refused(yilian: Yilian, tmp_path: Path) -> None:
    both = ["--member", "A:hospital:A:H-1", "--member", "B:hospital:B:H-1"]
    said = yilian("network", "init", tmp_path / "net", *both, "--json")
    assert said.code == 1
    assert said.json["error"]["code"] == "identity.already_enrolled"
    assert not (tmp_path / "net").exists()


def test_commands_on_no_network_and_no_member_say_how_to_make_one(
    yilian: Yilian, tmp_path: Path
) -> None:
    for verb in ("up", "status"):
        said = yilian("network", verb, tmp_path)
        assert said.code == 2
        assert "yilian network init" in said.err
    for words_ in (["rotate-key"], ["leave"], ["vote"], ["validate"], ["upgrade"], ["rollback"]):
        said = yilian("network", *words_, tmp_path)
        assert said.code == 2, words_
        assert "yilian network join" in said.err
    (tmp_path / "network.json").write_text("{")
    assert yilian("network", "status", tmp_path).code == 2


def test_a_network_that_is_down_answers_with_its_own_exit_code(yilian: Yilian, made: Path) -> None:
    said = yilian("network", "status", made, "--json")
    assert said.code == 3
    assert said.json["ok"] is False
    assert all(each["problem"] == "unreachable" for each in said.json["members"])
    for verb in ("rotate-key", "confirm-dead"):
        more = ["--old-node-is-dead"] if verb == "confirm-dead" else []
        assert yilian("network", verb, made / "A", *more).code in (1, 3)


def test_a_restore_from_nothing_makes_nothing(yilian: Yilian, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    words_ = ["--from", empty, "--erasure-from", empty, "--keys-from", empty]
    said = yilian("network", "restore", tmp_path / "new", *words_, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] in ("not_a_backup", "engine_missing")
    assert not (tmp_path / "new").exists()


def test_a_stopped_member_is_backed_up_without_its_secrets(
    yilian: Yilian, made: Path, tmp_path: Path
) -> None:
    to, erasing, keys = tmp_path / "to", tmp_path / "erasing", tmp_path / "keys"
    words_ = ["--to", to, "--erasure-to", erasing, "--keys-to", keys]
    told = yilian("network", "backup", made / "A", *words_, "--json").json
    assert told["running"] is False
    names = {each.name for each in to.rglob("*")}
    assert {"backup.json", "node.json", "vaults", "chain", "engine"} <= names
    assert not names & {
        "priv_validator_state.json",
        "priv_validator_key.json",
        "node_key.json",
        "validator.key",
        "members.key",
    }
    kept = {each.name for each in keys.rglob("*") if each.is_file()}
    assert {"validator.key", "members.key", "node_key.json"} <= kept
    assert all(each.stat().st_mode & 0o077 == 0 for each in keys.rglob("*"))
    assert not (made / "A" / "backup.part").exists()
    assert yilian("network", "backup", made / "A", *words_).code == 2


def newcomer(made: Path, folder: Path) -> Request:
    """Make a fifth member's folder."""
    from yilian.bootstrap.joining import invitation
    from yilian.ledger.genesis import read as read_genesis
    from yilian.node.store import Store

    store = Store(NodeFolder(made / "A").chain)
    try:
        document = store.genesis()
    finally:
        store.close()
    assert document is not None
    invited = invitation(NodeFolder(made / "A"), read_genesis(document))
    write(folder.parent / "invitation.json", invited)
    assert read(folder.parent / "invitation.json", Invitation) == invited
    who = Newcomer_(
        label="E", founder=Founder("E", "pharmacy", "P-5"), host="127.0.0.1", port=21050
    )
    return join(folder, invited, Network.read(made).genesis, who)


def test_a_newcomer_knows_all_members_and_nobody_elses_secrets(made: Path, tmp_path: Path) -> None:
    request = newcomer(made, tmp_path / "E")
    folder = NodeFolder(tmp_path / "E")
    consensus = folder.configuration().consensus
    assert consensus is not None
    assert {each.name for each in consensus.peers} == set(MEMBERS)
    assert read(tmp_path / "E" / "join-request.json", Request) == request
    text = (tmp_path / "E" / "join-request.json").read_text()
    text += (tmp_path / "invitation.json").read_text()
    for secret in ("seed", "priv_key", "secret"):
        assert secret not in text
    with pytest.raises(FileExistsError):
        newcomer(made, tmp_path / "E")


def test_documents_that_are_too_large_or_odd_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    for content in (b"", b"{}", b"[" * 5_000, b" " * (MAX_FILE + 1), b"\xff"):
        path.write_bytes(content)
        with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError, RecursionError)):
            read(path, Request)


def test_both_languages_have_the_same_sentences_with_the_same_places() -> None:
    import string

    english, chinese = flat(words("en")), flat(words("zh-CN"))
    assert set(english) == set(chinese)

    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text)} - {None}

    for key, text in english.items():
        assert places(text) == places(chinese[key]), key


def test_every_sentence_is_used() -> None:
    cli = import_module("yilian.cli")
    root = Path(str(cli.__file__)).parents[1]
    files = [*(root / "cli" / "network").glob("*.py"), *(root / "bootstrap").glob("*.py")]
    source = "\n".join(each.read_text("utf-8") for each in files)
    for key in flat(words("en")):
        head, *rest = key[1:].split("/")
        name = rest[0] if rest else head
        dynamic = f'f"{head}/{{' in source or f"f'{head}/{{" in source
        named = f'"{name}"' in source or f'"--{name.replace("_", "-")}"' in source
        assert named or dynamic or f'"{key[1:]}"' in source, key


def test_a_member_is_read_as_it_is_typed() -> None:
    assert read_member("A: hospital :x:1".replace(" ", "")).kind == "hospital"
    for odd in ("", ":::", "A:hospital::1", "A B:hospital:x:1", "A:hospital:x:1:2"):
        with pytest.raises(ValueError):  # noqa: PT011
            read_member(odd)
