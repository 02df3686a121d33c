"""F9: replay from genesis on a fresh node -> the identical state root."""

from __future__ import annotations

import random
from pathlib import Path

from tests.rows.served import Served, yilian
from yilian.sdk import drafts


def test_export_and_replay_end_with_the_same_root(tmp_path: Path) -> None:
    with Served(tmp_path / "node") as served:
        served.load(served.a)
        _, _, licence = served.doctor(served.b)
        with served.client(served.authority) as client:
            client.identity.revoke_licence(licence=licence)
    with Served(tmp_path / "node") as served:
        tip = served.node.engine.tip
    code, exported = yilian("node", "export", tmp_path / "node", tmp_path / "chain.export")
    assert (code, exported["height"]) == (0, tip.height)
    code, replayed = yilian("node", "replay", tmp_path / "chain.export", tmp_path / "fresh")
    assert code == 0
    assert (replayed["height"], replayed["app_hash"]) == (tip.height, tip.app_hash.hex())


def test_an_export_with_one_changed_byte_ends_at_the_first_bad_block(tmp_path: Path) -> None:
    with Served(tmp_path / "node") as served, served.client(served.a) as client:
        client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
    yilian("node", "export", tmp_path / "node", tmp_path / "chain.export")
    sound = (tmp_path / "chain.export").read_bytes()
    draw = random.Random(9)
    for number in range(48):
        place = draw.randrange(len(sound))
        changed = bytes([sound[place] ^ 1 << draw.randrange(8)])
        (tmp_path / "bad.export").write_bytes(sound[:place] + changed + sound[place + 1 :])
        code, answer = yilian("node", "replay", tmp_path / "bad.export", tmp_path / f"copy{number}")
        assert code == 1, place
        assert answer["error"]["code"], place


def test_rollback_takes_back_one_height_and_the_node_goes_on(tmp_path: Path) -> None:
    with Served(tmp_path / "node") as served:
        served.load(served.a)
        height = served.node.engine.height
    code, answer = yilian("node", "rollback", tmp_path / "node")
    assert code == 0
    assert answer["height"] < height + 10
    assert yilian("node", "check", tmp_path / "node")[0] == 0
    with Served(tmp_path / "node") as served:
        served.load(served.a, seed=2)
