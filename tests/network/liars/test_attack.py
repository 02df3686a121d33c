"""F3: two of four sign a header that never was, for light clients -> both lose their power."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.network.liars import proving
from tests.network.liars.proving import Tell, address, found_in, powers, wait_punished
from tests.network.members import Running, require_all, send
from tests.rows.served import yilian
from yilian.ledger import evidence
from yilian.ledger.modules.governance.state import MISDEEDS
from yilian.node.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


@pytest.fixture(scope="module")
def tell(tmp_path_factory: pytest.TempPathFactory) -> Tell:
    return proving.build(tmp_path_factory.mktemp("liar"))


@pytest.mark.parametrize("spoil", ["signature", "power"])
def test_a_false_accusation_is_refused(running: Running, tell: Tell, spoil: str) -> None:
    before = powers(running["B"])
    height = running.agreed(4).height - 1
    assert tell(running["B"], "attack", [running["C"], running["D"]], height, spoil).refused
    assert tell(running["B"], "attack", [running["C"]], height).refused, "a third is too little"
    send(running, running["B"], [running["A"]])
    running.agreed(height + 2)
    assert powers(running["B"]) == before


def test_both_lose_their_power_and_the_proof_replays(
    running: Running, tell: Tell, tmp_path: Path
) -> None:
    liars = [running["C"], running["D"]]
    height = running.agreed(4).height - 1
    told = tell(running["A"], "attack", liars, height)
    assert not told.refused
    wait_punished(running, *liars)
    sent = [send(running, each, [each]) for each in running]
    seen = running.agreed(max(each.height for each in sent) + 2)
    require_all(running, sent)
    assert {each.organisation for each in seen.voters} == {
        running[each].seat.organisation for each in "AB"
    }
    proved = evidence.misbehaviour([told.evidence])
    assert {each.address for each in proved} == {address(each) for each in liars}
    assert {(each.kind, each.height) for each in proved} == {("light_client_attack", height - 1)}

    running.stop()
    for each in running:
        store = Store(each.folder.chain)
        try:
            _, sealed = found_in(store)
            assert sealed == told.evidence
            kept = [MISDEEDS.decode(value) for _, value in store.scan(MISDEEDS.key(""))]
            assert [one.outcome for one in kept] == ["removed", "removed"]
        finally:
            store.close()
    code, exported = yilian("node", "export", running["A"].path, tmp_path / "chain.export")
    assert code == 0
    code, replayed = yilian("node", "replay", tmp_path / "chain.export", tmp_path / "fresh")
    assert (code, replayed["height"]) == (0, exported["height"])
