"""A link ends by hand, with any record in it, and with a restore; then nothing of it opens."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest

from tests.rows.consenting import Actor, keep, person, speak
from tests.rows.served import Served, yilian
from tests.unit.gateway.links.sharing import (
    RECIPIENT,
    Kept,
    Link,
    house,
    keep_three,
    links_path,
    share,
    shown,
)
from tests.unit.gateway.links.test_opening import gone
from yilian.gateway.links import epoch, shares
from yilian.gateway.links.store import LinkStore
from yilian.gateway.links.tables import LinkRecordRow, LinkRow
from yilian.gateway.server import server
from yilian.vault.vault import Vault

BOTH = {"categories": ["laboratory", "problem"], "openings": 5, "label": "for Dr Wang"}


def row_of(served: Served, link: Link) -> LinkRow:
    found = house(served).store.find(link.id)
    assert found is not None
    return found


def erase(served: Served, who: Actor, *records: str) -> None:
    body = {"person": who.id, **({"records": list(records)} if records else {})}
    with speak(served, who, served.a) as client:
        client.request("POST", f"/v1/organisations/{served.a.id}/erasures", body)


def test_taken_back_is_over_at_once(served: Served, patient: Actor, kept: Kept) -> None:
    link = share(served, patient, BOTH)
    assert link.post().status_code == 200
    assert house(served).store.content(link.id) is not None
    with speak(served, patient, served.a) as client:
        place = links_path(served, patient.id, f"/{link.id}")
        ended = client.request("DELETE", place)
        assert (ended["state"], ended["left"]) == ("revoked", 0)
        again = client.request("DELETE", place)
    assert again == ended
    gone(link.post())
    assert house(served).store.content(link.id) is None
    # What it was stays known to the person.
    assert shown(served, patient, link)["label"] == "for Dr Wang"
    assert len(shown(served, patient, link)["openings"]) == 1


def test_an_erasure_takes_each_link_with_it_from_every_copy(
    served: Served, patient: Actor, kept: Kept, tmp_path: Path
) -> None:
    """All disks of before, the erasure keys of today: no ciphertext of a link opens."""
    other = person(served, served.a, "N-2")
    theirs = keep_three(served, other.id)
    both = share(served, patient, BOTH)
    apart = share(served, patient, {"records": [kept.glucose], "openings": 5})
    neighbour = share(served, other, {"records": [theirs.glucose], "openings": 5})
    (file,) = both.post({**RECIPIENT, "embeddedLengthMax": 0}).json()["files"]
    served.stop()
    before = tmp_path / "before"
    shutil.copytree(served.path, before)
    served.start()

    erase(served, patient, kept.asthma)
    gone(both.post())
    gone(both.fetch(file["location"]))
    row = row_of(served, both)
    assert (row.why, row.facts) == ("erased", b"")
    assert house(served).store.content(both.id) is None
    found = shown(served, patient, both)
    assert (found["state"], found["label"], found["records"]) == ("erased", "", [])
    # One record is gone, and only the links with that record.
    assert apart.post().status_code == 200
    assert neighbour.post().status_code == 200
    erase(served, patient)
    gone(apart.post())
    assert neighbour.post().status_code == 200

    home = before / "organisations" / served.a.id
    today = served.path / "organisations" / served.a.id
    served.stop()
    mixed = tmp_path / "mixed" / served.a.id
    shutil.copytree(home, mixed)
    shutil.rmtree(mixed / "erasure")
    shutil.copytree(today / "erasure", mixed / "erasure")
    shutil.copy(
        before / "organisations" / f"{served.a.id}.master-key",
        tmp_path / "mixed" / f"{served.a.id}.master-key",
    )
    # The keys of now open the neighbour's link alone; those of then would open all three.
    for folder, opens in ((mixed, [False, False, True]), (home, [True, True, True])):
        with Vault.open(folder, served.a.id) as vault:
            found_keys = [
                shares.put_together(vault.keystore, vault.catalogue, _records(vault, link))
                for link in (both, apart, neighbour)
            ]
        assert [each is not None for each in found_keys] == opens
    served.start()


def _records(vault: Vault, link: Link) -> list[LinkRecordRow]:
    return LinkStore(vault.catalogue).records(link.id)


def test_a_sealed_record_is_shared_by_nobody(served: Served) -> None:
    patient = person(served, served.a)
    record = keep(
        served,
        served.a,
        patient.id,
        "laboratory",
        '{"resourceType":"Observation"}',
        retention="outpatient",
    )
    link = share(served, patient, {"records": [record], "openings": 5})
    assert link.post().status_code == 200
    erase(served, patient, record)
    gone(link.post())
    assert shown(served, patient, link)["state"] == "erased"


def test_a_restored_vault_brings_no_link_back(
    served: Served, patient: Actor, kept: Kept, tmp_path: Path
) -> None:
    """Used and taken back after the backup: the backup knows nothing of it, and opens neither."""
    used, standing = share(served, patient), share(served, patient, BOTH)
    served.stop()
    to = ("--to", tmp_path / "backup", "--erasure-to", tmp_path / "apart")
    assert yilian("node", "backup", served.path, *to)[0] == 0
    served.start()
    assert used.post().status_code == 200
    served.stop()
    home = served.path / "organisations" / served.a.id
    assert (home / epoch.FILE).exists()
    assert not list((tmp_path / "backup").rglob(epoch.FILE))
    shutil.rmtree(home)
    back = ("--from", tmp_path / "backup", "--erasure-from", tmp_path / "apart")
    code, told = yilian("node", "restore", served.path, *back, "--only", served.a.id)
    assert code == 0, told
    served.start()
    gone(used.post())
    gone(standing.post())
    assert {shown(served, patient, each)["state"] for each in (used, standing)} == {"restored"}
    assert share(served, patient).post().status_code == 200


def test_nothing_of_a_link_is_in_the_log(
    served: Served, patient: Actor, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = {**BOTH, "label": "Etikett-7131", "passcode": "geheim-7132"}
    link = share(served, patient, asked)
    direct = share(served, patient, {"categories": ["laboratory"], "direct": True})
    assert link.post({"recipient": "Praxis-7133", "passcode": "falsch-7134"}).status_code == 401
    assert link.post({"recipient": "Praxis-7133", "passcode": "geheim-7132"}).status_code == 200
    assert direct.get("Praxis-7135").status_code == 200
    gone(direct.get("Praxis-7135"))
    with speak(served, patient, served.a) as client:
        client.request("DELETE", links_path(served, patient.id, f"/{link.id}"))
    # pytest listens to uvicorn's list of addresses as well, which a node has switched off.
    assert not server(served.node.app()).config.access_log
    clients = ("http", "uvicorn.access")
    ours = [each for each in caplog.records if not each.name.startswith(clients)]
    served_log = "\n".join(each.getMessage() for each in ours)
    assert "health-links" in served_log
    secrets = [link.address, direct.address, link.payload["key"], direct.payload["key"]]
    for word in ("7131", "7132", "7133", "7134", "7135", *secrets):
        assert word not in served_log


def test_by_command(served: Served, patient: Actor, kept: Kept, tmp_path: Path) -> None:
    key, passcode = tmp_path / "key.json", tmp_path / "passcode"
    patient.signer.write(key, None)
    passcode.write_text("2468\n")
    signing = (
        "--organisation", served.a.id, "--person", patient.id,
        "--key", key, "--sender", patient.id, "--node", served.url,
    )  # fmt: skip
    share_link = ("organisation", "share-link", *signing, "--categories", "laboratory")
    code, made = yilian(
        *share_link, "--label", "mine", "--minutes", "5", "--openings", "2",
        "--passcode-file", passcode,
    )  # fmt: skip
    assert code == 0, made
    link = Link(served, made)
    assert (link.payload["label"], link.payload["flag"]) == ("mine", "P")
    assert link.post({**RECIPIENT, "passcode": "2468"}).status_code == 200
    code, found = yilian("organisation", "share-links", *signing)
    assert code == 0
    (listed,) = found["health_links"]
    assert listed["openings"][0]["recipient_unverified"] == RECIPIENT["recipient"]
    end = ("organisation", "end-share-link", *signing, "--health-link", link.id)
    code, ended = yilian(*end)
    assert (code, ended["state"]) == (0, "revoked")
    gone(link.post({**RECIPIENT, "passcode": "2468"}))
    code, refused = yilian(*share_link, "--direct", "--passcode-file", passcode)
    assert code != 0
    assert refused["error"]["code"] == "links.direct_with_passcode"
    assert "2468" not in json.dumps(refused)
