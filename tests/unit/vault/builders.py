"""Seeded material for the vault's tests: items, two organisations, a grant with an open session."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from yilian.ledger import codec
from yilian.vault.decision import ChainView, GrantState, SessionState
from yilian.vault.envelope import Terms
from yilian.vault.receiving import OpenedSession
from yilian.vault.sharing import Given
from yilian.vault.vault import Item, Vault

NOW = 1_790_000_000_000
MINUTE = 60_000
DAY = 86_400_000


def identifier(seed: object) -> str:
    """An id that is the same in every run."""
    return codec.to_text(random.Random(f"id {seed}").randbytes(16))


HOSPITAL = identifier("hospital")
CLINIC = identifier("clinic")
PATIENT = identifier("patient")
DOCTOR = identifier("doctor")
GRANT = identifier("grant")


def item(number: int, **changes: Any) -> Item:
    """One seeded item of 200 bytes."""
    fields: dict[str, Any] = {
        "record": identifier(number),
        "patient": PATIENT,
        "category": "laboratory",
        "sensitivity": "normal",
        "period": "2026-03",
        "media_type": "application/fhir+json",
        "content": random.Random(number).randbytes(200),
    }
    return Item(**(fields | changes))


def open_vault(folder: Path, organisation: str) -> Vault:
    """A vault whose clock stands still."""
    return Vault.open(folder / organisation, organisation, clock=lambda: NOW)


def terms(**changes: Any) -> Terms:
    """Laboratory, for treatment, ten days."""
    fields: dict[str, Any] = {
        "grantee": CLINIC,
        "categories": ("laboratory",),
        "purposes": ("treatment",),
        "starts": NOW - DAY,
        "ends": NOW + 10 * DAY,
    }
    return Terms(**(fields | changes))


@dataclass
class Sharing:
    """A grant given and accepted, with a session open on a chain that agrees with both."""

    holder: Vault
    grantee: Vault
    given: Given
    session: OpenedSession
    view: ChainView
    roots: dict[str, str]

    def changed(self, **changes: Any) -> ChainView:
        """The chain's view with fields of grant, session or block changed (`grant_active=...`)."""
        grant, session, rest = {}, {}, {}
        for name, value in changes.items():
            part, _, field = name.partition("_")
            if part == "grant" and field:
                grant[field] = value
            elif part == "session" and field:
                session[field] = value
            else:
                rest[name] = value
        assert self.view.grant is not None
        assert self.view.session is not None
        made = msgspec.structs.replace(
            self.view,
            grant=msgspec.structs.replace(self.view.grant, **grant),
            session=msgspec.structs.replace(self.view.session, **session),
        )
        return msgspec.structs.replace(made, **rest)


def share(holder: Vault, grantee: Vault, opened: Terms, grant: str = GRANT) -> Sharing:
    """Give, accept, open a session, and state it all on a chain."""
    given = holder.grant(opened, grant, PATIENT, grantee.service_public_key())
    grantee.accept(given.package, given.commitment)
    session = grantee.open_session(grant, DOCTOR, "treatment", NOW + 10 * MINUTE)
    view = ChainView(
        grant=GrantState(
            patient=PATIENT,
            active=True,
            starts=opened.starts,
            ends=opened.ends,
            commitment=given.commitment,
        ),
        session=SessionState(
            grant=grant, open=True, ends=NOW + 10 * MINUTE, commitment=session.commitment
        ),
        block_time=NOW - 1000,
    )
    roots = {batch.batch: batch.root for batch in holder.unanchored()}
    return Sharing(holder, grantee, given, session, view, roots)
