"""F9: replay from genesis on a fresh node -> the identical state root."""

from __future__ import annotations

from pathlib import Path

from tests.rows.served import Served, yilian


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
    with Served(tmp_path / "node") as served:
        served.load(served.a)
    yilian("node", "export", tmp_path / "node", tmp_path / "chain.export")
    data = bytearray((tmp_path / "chain.export").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.export").write_bytes(data)
    code, answer = yilian("node", "replay", tmp_path / "bad.export", tmp_path / "fresh")
    assert code == 1
    assert answer["error"]["code"] in ("replay_differs", "export_unreadable")


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
