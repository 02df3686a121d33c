"""A hospital with an emergency set, keepers with escrow services, and a clinic that asks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.vault.builders import (
    CLINIC,
    DAY,
    DOCTOR,
    HOSPITAL,
    MINUTE,
    NOW,
    PATIENT,
    identifier,
    item,
    open_vault,
)
from yilian.vault.catalogue import Catalogue
from yilian.vault.emergency import Emergency
from yilian.vault.emergency_access import (
    EmergencyReleased,
    EmergencyState,
    EmergencyView,
    EscrowAnswer,
    OpenedEmergency,
)
from yilian.vault.emergency_keys import DROP, KEEP, EmergencyKeys, Outgoing
from yilian.vault.emergency_requester import Requester
from yilian.vault.escrow import Escrow
from yilian.vault.journal import Journal
from yilian.vault.keystore import MASTER_KEY_VARIABLE, Keystore, write_master_key
from yilian.vault.shares import Keeper, Keepers
from yilian.vault.vault import Vault

KEEPERS = tuple(identifier(f"keeper {number}") for number in range(3))
ALLERGY, MEDICATION, LABORATORY, SECRET_PROBLEM, OLD_PROBLEM = range(100, 105)
OPENS = {ALLERGY, MEDICATION, OLD_PROBLEM}


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Member:
    """What of a member's vault an emergency needs: keys, tables, journal."""

    def __init__(self, folder: Path, organisation: str) -> None:
        folder.mkdir(exist_ok=True)
        self.keystore = Keystore.open(folder / "keys", organisation)
        self.catalogue = Catalogue(folder / "catalogue.sqlite", organisation)
        self.journal = Journal(self.keystore, self.catalogue)

    def service_public_key(self) -> bytes:
        return self.keystore.service_key().public.data


@dataclass
class World:
    """Everybody, the hospital with a whole vault. `threshold` of `members` keep shares."""

    hospital: Vault
    clinic: Member
    members: dict[str, Member]
    clock: Clock = field(default_factory=Clock)
    threshold: int = 2

    def __post_init__(self) -> None:
        self.keys = EmergencyKeys(
            HOSPITAL, self.hospital.keystore, self.hospital._catalogue, self.clock
        )
        self.emergency = Emergency(
            HOSPITAL,
            self.keys,
            self.hospital._catalogue,
            self.hospital._records,
            self.hospital._journal.write,
            self.clock,
        )
        self.requester = Requester(CLINIC, self.clinic.keystore, self.clinic.catalogue)
        self.escrows = {
            name: Escrow(name, each.keystore, each.catalogue, each.journal.write, self.clock)
            for name, each in self.members.items()
        }

    @property
    def keepers(self) -> Keepers:
        keys = {name: each.service_public_key() for name, each in self.members.items()}
        return Keepers(self.threshold, tuple(Keeper(name, public) for name, public in keys.items()))

    def deliver(self, told: list[Outgoing] | None = None) -> None:
        """Carry to keepers what the holder has to tell (all of it, else these), and say so."""
        for each in self.keys.outgoing() if told is None else told:
            if each.act == KEEP:
                assert self.escrows[each.keeper].keep(each.package, HOSPITAL) == each.pair
            else:
                assert each.act == DROP
                self.escrows[each.keeper].drop(each.pair, HOSPITAL)
            self.keys.delivered(each)
        if told is None and self.keys.outgoing():
            self.deliver()

    def prepare(self, **changes: Any) -> tuple[OpenedEmergency, EmergencyView]:
        """An emergency of the clinic's doctor, and a chain that has it."""
        asked: dict[str, Any] = {
            "patient": PATIENT,
            "holder": HOSPITAL,
            "reader": DOCTOR,
            "reason": "unable_to_consent",
            "text": "昏迷，急诊抢救",
            "ends": NOW + 60 * MINUTE,
        }
        opened = self.requester.prepare(**(asked | changes))
        return opened, self.view(opened)

    def view(self, opened: OpenedEmergency) -> EmergencyView:
        return EmergencyView(
            emergency=EmergencyState(
                reader=opened.terms.reader,
                organisation=opened.terms.organisation,
                open=True,
                ends=opened.terms.ends,
                commitment=opened.commitment,
                standing=True,
                licensed=True,
            ),
            recipient=self.clinic.service_public_key(),
            block_time=self.clock.now - 500,
            stale_after=2 * MINUTE,
        )

    def ask(
        self,
        opened: OpenedEmergency,
        view: EmergencyView,
        released: EmergencyReleased,
        names: tuple[str, ...] = KEEPERS,
    ) -> list[EscrowAnswer]:
        """Ask keepers for their shares."""
        asked = opened.share(released.pair or "")
        return [self.escrows[name].release(asked, view, CLINIC) for name in names]

    def roots(self) -> dict[str, str]:
        return {batch.batch: batch.root for batch in self.hospital.unanchored()}

    def use(self, **changes: Any) -> dict[str, bytes]:
        """Break the glass, ask everybody, open."""
        opened, view = self.prepare(**changes)
        released = self.emergency.release(opened.request(), view, CLINIC)
        assert released.reasons == ()
        return self.requester.open(released, self.ask(opened, view, released), self.roots())


def changed(view: EmergencyView, **fields: Any) -> EmergencyView:
    """The view with fields of the emergency changed."""
    assert view.emergency is not None
    return msgspec.structs.replace(
        view, emergency=msgspec.structs.replace(view.emergency, **fields)
    )


def contents(*numbers: int) -> dict[str, bytes]:
    return {identifier(each): item(each).content for each in numbers}


def fill(hospital: Vault) -> None:
    """Five records of one patient; three of them are of the default emergency set."""
    hospital.deposit(
        [
            item(ALLERGY, category="allergy"),
            item(MEDICATION, category="medication", period="2026-09"),
            item(LABORATORY),
            item(SECRET_PROBLEM, category="problem", sensitivity="psy"),
            item(OLD_PROBLEM, category="problem", period="2019-01"),
        ]
    )


@contextmanager
def world(folder: Path, members: int = 3, threshold: int = 2) -> Iterator[World]:
    """Open the world in a folder; a new one is filled, and its keepers have their shares."""
    new = not (folder / HOSPITAL).exists()
    with ExitStack() as stack:
        hospital = stack.enter_context(open_vault(folder, HOSPITAL))
        clinic, *kept = [
            Member(folder / f"{name}.member", name) for name in (CLINIC, *KEEPERS[:members])
        ]
        for each in (clinic, *kept):
            stack.callback(each.catalogue.close)
        made = World(hospital, clinic, dict(zip(KEEPERS, kept, strict=False)), threshold=threshold)
        if new:
            fill(hospital)
            made.keys.refresh(PATIENT, made.keepers)
            made.deliver()
        yield made


class Worlds:
    """Makes the world once and gives out copies: hundreds of synced writes are done once."""

    def __init__(self, folder: Path) -> None:
        self._made = folder / "made"
        self._key = folder / "master.key"
        write_master_key(self._key)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(MASTER_KEY_VARIABLE, str(self._key))
            with world(self._made):
                pass

    @contextmanager
    def copy(self, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[World]:
        shutil.copytree(self._made, folder / "copy")
        patch.setenv(MASTER_KEY_VARIABLE, str(self._key))
        with world(folder / "copy") as made:
            yield made


MONTH = 31 * DAY
