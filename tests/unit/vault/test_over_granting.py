"""Whatever happens, a party can decrypt what it was granted while it was granted, and no more.

A plain model is held against real vaults: after any sequence of deposits, grants, changes,
revocations, ends and renewals, all keys that a party ever received are tried on all ciphertexts
that the holder has, those at rest included, as if the party had stolen the holder's whole store.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.scale import scale
from tests.unit.vault.builders import HOSPITAL, NOW, identifier
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.decision import ChainView, GrantState, SessionState
from yilian.vault.envelope import (
    PrivateKey,
    SessionTerms,
    Terms,
    binding,
    new_recipient,
    open_sealed,
    session_commitment,
    unwrap,
)
from yilian.vault.keystore import write_master_key
from yilian.vault.packages import GrantContent, GrantPackage, Released, Request, ToGrantee
from yilian.vault.records import Opened, batch_key_binding, content_binding, open_data_key
from yilian.vault.sharing import Holder, copy_binding, record_key_binding
from yilian.vault.vault import Item, Vault

PATIENTS = (identifier("one patient"), identifier("another patient"))
READERS = tuple(sorted((identifier("first reader"), identifier("second reader"))))
PARTIES = (identifier("first party"), identifier("second party"))
CATEGORIES = ("imaging", "laboratory")
SENSITIVITIES = ("normal", "restricted")
SECRET = b"secret"
SALT = bytes(32)


@dataclass
class Scope:
    """What terms are drawn from; `named` chooses single records by their order of deposit."""

    categories: tuple[str, ...]
    sensitivities: tuple[str, ...]
    denied: tuple[str, ...]
    redact: tuple[str, ...]
    team: tuple[str, ...]
    named: list[int] | None
    wait: int
    length: int


scopes = st.builds(
    Scope,
    categories=st.sampled_from([CATEGORIES, CATEGORIES[:1], CATEGORIES[1:]]),
    sensitivities=st.sampled_from([SENSITIVITIES, SENSITIVITIES[:1], SENSITIVITIES[1:]]),
    denied=st.sampled_from([(), (), (), CATEGORIES[:1], CATEGORIES]),
    redact=st.sampled_from([(), (), ("hiv",)]),
    team=st.sampled_from([(), (), READERS[:1], READERS]),
    named=st.none() | st.none() | st.lists(st.integers(0, 9), min_size=1, max_size=3),
    wait=st.sampled_from([0, 0, 0, 1]),
    length=st.sampled_from([100, 100, 1, 2]),
)
patients = st.sampled_from([*PATIENTS[:1] * 4, PATIENTS[1]])
deposits = st.lists(
    st.tuples(
        patients,
        st.sampled_from(CATEGORIES),
        st.sampled_from(SENSITIVITIES),
        st.sampled_from(["2026-03", "2026-03", "2026-04"]),
    ),
    min_size=2,
    max_size=4,
)


@dataclass
class Record:
    """The model's record."""

    patient: str
    category: str
    sensitivity: str


@dataclass
class Grant:
    """The model's grant: what the chain has of it, and its terms."""

    party: str
    patient: str
    terms: Terms
    commitment: str
    active: bool = True

    def in_force(self, now: int) -> bool:
        return self.active and self.terms.starts <= now < self.terms.ends

    def covers(self, name: str, record: Record) -> bool:
        """Say again, in the plainest words, what terms mean."""
        if record.patient != self.patient or record.category in self.terms.denied:
            return False
        if self.terms.records is not None:
            return name in self.terms.records
        wanted = record.category in self.terms.categories
        return wanted and record.sensitivity in self.terms.sensitivities

    @property
    def hands_over_keys(self) -> bool:
        return self.terms.records is None and not self.terms.redact


@dataclass
class Party:
    """Everything a party ever received, and what the model says it may decrypt with that."""

    services: list[PrivateKey] = field(default_factory=list)
    categories: dict[str, PrivateKey] = field(default_factory=dict)
    singles: list[bytes] = field(default_factory=list)
    copies: list[bytes] = field(default_factory=list)
    may: set[str] = field(default_factory=set)
    tried: dict[tuple[str, str], bool] = field(default_factory=dict)

    @property
    def service(self) -> PrivateKey:
        return self.services[-1]

    def receive(self, package: bytes) -> None:
        outer = codec.decode(package, GrantPackage)
        ids = {"grant": outer.grant, "grantee": outer.grantee, "holder": outer.holder}
        info = binding("grant-package", **ids)
        content = codec.decode(self.unwrap(outer.recipient, outer.sealed, info), GrantContent)
        for each in content.keys:
            info = binding("category-key", category_key=each.key, **ids)
            self.categories[each.key] = PrivateKey(self.unwrap(each.recipient, each.wrapped, info))

    def unwrap(self, recipient: str, wrapped: bytes, info: bytes) -> bytes:
        (private,) = [each for each in self.services if each.public.id == recipient]
        return unwrap(private, wrapped, info)

    def keep(self, released: Released) -> None:
        for each in released.records:
            record = each.proof.record
            if not isinstance(each.keys, ToGrantee):
                continue
            at = (released.holder, released.grant, released.session, record)
            key = self.unwrap(each.keys.recipient, each.keys.data_key, record_key_binding(*at))
            self.singles.append(key)
            if each.copy is not None:
                self.copies.append(open_sealed(key, each.ciphertext, copy_binding(*at)))

    def opens(self, found: Opened) -> bool:
        """Try every key on a ciphertext; keys never lose their power, so a hit is remembered."""
        record = found.row.record
        singles = [(str(at), key) for at, key in enumerate(self.singles)]
        for name, single in singles:
            if self._try((name, record), lambda key=single: key, found):
                return True
        for name, category in self.categories.items():
            if self._try((name, record), lambda key=category: data_key(key, found), found):
                return True
        return False

    def _try(self, at: tuple[str, str], key: Any, found: Opened) -> bool:
        if at not in self.tried:
            try:
                info = content_binding(HOSPITAL, found.row.record)
                open_sealed(key(), found.ciphertext, info)
                self.tried[at] = True
            except Refusal:
                self.tried[at] = False
        return self.tried[at]


def data_key(category: PrivateKey, found: Opened) -> bytes:
    """Go down from a category key to a record's data key, with the wraps that the holder has."""
    row = found.row
    info = batch_key_binding(HOSPITAL, row.batch, row.category_key)
    return open_data_key(
        unwrap(category, found.batch_key, info), row.data_key, row.batch, row.record
    )


def redact(content: bytes, media_type: str, labels: tuple[str, ...]) -> bytes:
    return content.replace(SECRET, b"")


class OverGranting(RuleBasedStateMachine):
    """A holder, two parties, two patients."""

    grants = Bundle("grants")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now = NOW
        self.records: dict[str, Record] = {}
        self.found: dict[str, Opened] = {}
        self.known: dict[str, Grant] = {}
        self.parties = {name: Party([new_recipient()]) for name in PARTIES}
        self.count = 0
        root = Path(self.folder.name)
        write_master_key(root / "master.key")
        self.vault = Vault.open(
            root / "vault",
            HOSPITAL,
            master_key_file=root / "master.key",
            clock=lambda: self.now,
        )
        self.holder = Holder(
            HOSPITAL,
            self.vault.keystore,
            self.vault._catalogue,
            self.vault._records,
            self.vault._journal,
            lambda: self.now,
            redact,
        )

    def teardown(self) -> None:
        self.vault.close()
        self.folder.cleanup()

    def fresh(self, kind: str) -> str:
        self.count += 1
        return identifier(f"{kind} {self.count}")

    # What is done

    @initialize(target=grants, records=deposits, scopes=st.tuples(scopes, scopes))
    def begin(self, records: list[tuple[str, str, str, str]], scopes: tuple[Scope, Scope]) -> Any:
        self.deposit(records)
        made = zip(PARTIES, scopes, strict=True)
        return multiple(*(self.give(party, PATIENTS[0], scope) for party, scope in made))

    @rule(records=deposits)
    def deposit(self, records: list[tuple[str, str, str, str]]) -> None:
        items = [
            Item(
                record=self.fresh("record"),
                patient=patient,
                category=category,
                sensitivity=sensitivity,
                period=period,
                media_type="text/plain",
                content=SECRET + b" %d" % self.count,
            )
            for patient, category, sensitivity, period in records
        ]
        self.vault.deposit(items)
        for each in items:
            self.records[each.record] = Record(each.patient, each.category, each.sensitivity)
        for opened in self.vault._records.open(self.vault._catalogue.records(list(self.records))):
            assert isinstance(opened, Opened)
            self.found[opened.row.record] = opened
        self.extend_all()

    @rule(
        target=grants,
        party=st.sampled_from(PARTIES),
        patient=patients,
        scope=scopes,
    )
    def give(self, party: str, patient: str, scope: Scope) -> str:
        name, terms = self.fresh("grant"), self.terms(party, scope)
        given = self.holder.give(terms, name, patient, self.parties[party].service.public.data)
        self.known[name] = Grant(party, patient, terms, given.commitment)
        self.parties[party].receive(given.package)
        self.granted()
        return name

    @rule(name=grants, scope=scopes)
    def change(self, name: str, scope: Scope) -> None:
        grant = self.known[name]
        if not grant.active:
            return
        terms = self.terms(grant.party, scope)
        changed = self.holder.change(name, terms, self.standing(grant.patient))
        self.parties[grant.party].receive(changed.given.package)
        grant.terms, grant.commitment = terms, changed.given.commitment
        for each in changed.rewrapped:
            self.parties[self.known[each.grant].party].receive(each.package)
        self.granted()

    @rule(name=grants)
    def revoke(self, name: str) -> None:
        grant = self.known[name]
        grant.active = False
        self.renew(grant.patient)

    @rule()
    def time_goes_on(self) -> None:
        """The clock moves; who runs a vault renews the keys of patients whose grants ran out."""
        before = {name for name, each in self.known.items() if each.in_force(self.now)}
        self.now += 1
        after = {name for name, each in self.known.items() if each.in_force(self.now)}
        for patient in PATIENTS:
            if any(self.known[name].patient == patient for name in before - after):
                self.renew(patient)
        self.extend_all()

    @rule(patient=st.sampled_from(PATIENTS))
    def end_a_period(self, patient: str) -> None:
        self.vault.end_period(patient)

    @rule(name=grants)
    def rotate_a_service_key_and_ask_for_the_package_again(self, name: str) -> None:
        grant = self.known[name]
        party = self.parties[grant.party]
        if grant.active:
            party.services.append(new_recipient())
            again = self.holder.give(grant.terms, name, grant.patient, party.service.public.data)
            assert again.commitment == grant.commitment
            party.receive(again.package)
            self.granted()

    @rule(name=grants)
    def read(self, name: str) -> None:
        """Each reader asks for everything there is, also under a grant that is over."""
        grant, wanted = self.known[name], sorted(self.records)
        party = self.parties[grant.party]
        for reader in READERS:
            released = self.release(name, reader, wanted)
            before = len(party.copies)
            party.keep(released)
            named = not grant.terms.team or reader in grant.terms.team
            open_ = wanted if named and grant.in_force(self.now) else []
            covered = [each for each in open_ if grant.covers(each, self.records[each])]
            assert [each.proof.record for each in released.records] == covered
            if grant.terms.redact:
                assert len(party.copies) - before == len(covered)
            else:
                party.may.update(covered)

    # How it is done

    def terms(self, party: str, scope: Scope) -> Terms:
        named = None
        if scope.named is not None and self.records:
            names = list(self.records)
            named = tuple(sorted({names[at % len(names)] for at in scope.named}))
        return Terms(
            grantee=party,
            team=scope.team,
            categories=scope.categories,
            sensitivities=scope.sensitivities,
            denied=scope.denied,
            redact=scope.redact,
            purposes=("treat",),
            starts=self.now + scope.wait,
            ends=self.now + scope.wait + scope.length,
            records=named,
        )

    def release(self, name: str, reader: str, wanted: list[str]) -> Released:
        grant, ends = self.known[name], self.now + 1
        session = SessionTerms(
            session=self.fresh("session"), grant=name, reader=reader, purpose="treat", ends=ends
        )
        view = ChainView(
            grant=GrantState(
                patient=grant.patient,
                active=grant.active,
                starts=grant.terms.starts,
                ends=grant.terms.ends,
                commitment=grant.commitment,
            ),
            session=SessionState(
                grant=name,
                open=True,
                ends=ends,
                commitment=session_commitment(SALT, session),
                reader=reader,
            ),
            block_time=self.now,
        )
        request = Request(session=session, salt=codec.to_text(SALT), records=tuple(wanted))
        return self.holder.release(request, view, grant.party)

    def standing(self, patient: str) -> list[str]:
        return [
            name
            for name, each in self.known.items()
            if each.patient == patient and each.active and self.now < each.terms.ends
        ]

    def renew(self, patient: str) -> None:
        for each in self.holder.after_revocation(patient, self.standing(patient)):
            self.parties[self.known[each.grant].party].receive(each.package)

    def extend_all(self) -> None:
        for name, grant in self.known.items():
            package = self.holder.extend(name) if grant.active else None
            if package is not None:
                self.parties[grant.party].receive(package)
        self.granted()

    def granted(self) -> None:
        """The model: keys that are out open what their grants cover while these are in force."""
        for grant in self.known.values():
            if grant.in_force(self.now) and grant.hands_over_keys:
                covered = {name for name, each in self.records.items() if grant.covers(name, each)}
                self.parties[grant.party].may |= covered

    # What must hold

    @invariant()
    def each_party_opens_what_it_was_granted_and_no_more(self) -> None:
        for party in self.parties.values():
            opened = {name for name, found in self.found.items() if party.opens(found)}
            assert opened == party.may
            assert all(SECRET not in each for each in party.copies)


def test_what_a_party_can_decrypt_is_what_it_was_granted_while_it_was_granted() -> None:
    run_state_machine_as_test(
        OverGranting,
        settings=settings(max_examples=scale(40, 1_000), stateful_step_count=30, deadline=None),
    )
