"""F4 among four: a byte of one member's state is altered -> it stops and says where."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.network.liars.lies import STOPPED, lay_back, require
from tests.network.members import Running, Sent, require_all, send, wait_for
from tests.rows.served import yilian
from yilian.ledger.modules.governance.state import USAGE
from yilian.ledger.modules.identity.state import KEYS
from yilian.node.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def alter(running: Running, prefix: bytes, about: str, mark: bytes) -> str:
    """Change the byte behind a mark in a value of D's state, and not the tree; gives its key."""
    store = Store(running["D"].folder.chain)
    try:
        ((key, value),) = [
            (key, value)
            for key, value in store.scan(prefix)
            if about.encode() in key or about.encode() in value
        ]
        at = value.index(mark) + len(mark)
        other = b"2" if value[at : at + 1] == b"1" else b"1"
        store._db.put(b"s" + key, value[:at] + other + value[at + 1 :])
    finally:
        store.close()
    return key.decode()


def stops(running: Running) -> tuple[str, list[Sent]]:
    """Start D again and let A write; gives why D stopped, and what the others committed."""
    liar = running["D"]
    honest = [each for each in running if each is not liar]
    liar.news.clear()
    liar.start()
    sent = [send(running, running["A"], [each]) for each in honest]
    given_up = wait_for(
        "D stops by itself",
        60,
        lambda: next((each for each in liar.news if each.step == "given_up"), None),
    )
    assert given_up.code == STOPPED
    liar.stop()
    return given_up.reason, sent + [send(running, each, [each]) for each in honest]


@pytest.fixture(scope="module")
def kept(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """D's folder while it was sound."""
    running.agreed(3)
    send(running, running["A"], [running["A"]])
    running.agreed()
    running["D"].stop()
    kept = tmp_path_factory.mktemp("kept") / "D"
    shutil.copytree(running["D"].path, kept)
    return kept


def test_a_byte_that_is_read_and_not_written(running: Running, kept: Path) -> None:
    """A's key on D: there A's signatures are bad, and the scan finds where."""
    key = alter(running, KEYS.key(""), running["A"].seat.organisation, b'"public":"')
    assert yilian("node", "check", running["D"].path)[0] == 1
    reason, sent = stops(running)
    assert f"state entry {key} is damaged" in reason
    go_on(running, sent)


def test_a_byte_that_is_overwritten_by_what_follows_from_it(running: Running, kept: Path) -> None:
    """A's count of today on D: D writes what follows, which is whole and not what others have."""
    lay_back(running["D"], kept)
    alter(running, USAGE.key(""), running["A"].seat.organisation, b'"used":')
    reason, sent = stops(running)
    assert "the others agreed on another state after height" in reason
    go_on(running, sent)


def go_on(running: Running, sent: list[Sent]) -> None:
    """Check that the others have everything, and the same."""
    honest = [each for each in running if each.name != "D"]
    seen = running.overview()
    assert seen.agree
    assert {each.name for each in seen.members if each.height is None} == {"D"}
    for each in honest:
        require(each, sent)
    height = max(each.height for each in sent)
    first, *others = [running.blocks(each, range(1, height + 1)) for each in honest]
    assert all(each == first for each in others)


def test_laid_back_it_follows_again(running: Running, kept: Path) -> None:
    liar = running["D"]
    lay_back(liar, kept)
    liar.start()
    liar.wait_serving()
    sent = [send(running, each, [liar]) for each in running]
    running.agreed(max(each.height for each in sent))
    require_all(running, sent)
