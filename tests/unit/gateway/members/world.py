"""A consortium in one process: several organisations on one chain, each with a node of its own.

They share the engine object and nothing else: each has its vault, its certificate and its listener,
and reaches the others over TLS on 127.0.0.1.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

from yilian.gateway.fhir.redact import redact
from yilian.gateway.members.certificates import Credentials, new_credentials
from yilian.gateway.members.listener import Listener
from yilian.gateway.organisation import Agent, Organisation
from yilian.gateway.practice.results import Results
from yilian.ledger import codec, keys
from yilian.ledger.genesis import FirstMember, FirstValidator, Genesis
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.identity import messages as identity
from yilian.node.embedded import Embedded, validator_public
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.vault import duplicates
from yilian.vault.envelope import Terms
from yilian.vault.items import Item
from yilian.vault.receiving import OpenedSession
from yilian.vault.vault import Vault

SYSTEM = "urn:oid:2.16.156.112605.1"
KINDS = ("hospital", "hospital", "hospital", "hospital", "authority")


class House:
    """One member: its organisation, operator key, certificate and listener."""

    def __init__(self, world: World, name: str, signer: Ed25519Signer, share: Any) -> None:
        self.world = world
        self.id = name
        self.signer = signer
        self.credentials = new_credentials()
        self.path = world.path / name
        self.agent = Agent(drafts.fresh_id(), "")
        vault = Vault.open(self.path, name, redact=redact)
        seed = secrets.token_bytes(32)
        key = Ed25519Signer(seed).key
        self.agent = Agent(self.agent.subject, keys.key_id(key))
        vault.keystore.add_signing_key(self.agent.key, seed)
        vault.keystore.keep_duplicate_share(share.index, share.scalar, share.threshold)
        world.send(signer, name, identity.EnrolAgent(agent=self.agent.subject, key=key))
        self._begin(vault)

    def open(self) -> None:
        """Open the vault again and start the node."""
        self._begin(Vault.open(self.path, self.id, redact=redact))

    def _begin(self, vault: Vault) -> None:
        self.organisation = Organisation(self.id, self.world.engine, vault, self.agent)
        self.listen()

    def listen(self, credentials: Credentials | None = None, port: int = 0) -> None:
        """Start the listener for members, and say where it is where that is new."""
        made = credentials or self.credentials
        mine = {self.id: self.organisation}
        self.listener = Listener(self.world.engine, mine, made.certificate, made.key, port=port)
        self.listener.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.listener.port}"

    def publish(self, url: str | None = None, certificate: bytes | None = None) -> None:
        """Publish the endpoint and the key service."""
        text = codec.to_text(certificate or self.credentials.certificate)
        self.organisation.write(identity.PublishEndpoint(url=url or self.url, certificate=text))

    def doctor(self) -> tuple[str, Ed25519Signer]:
        """Enrol a doctor here and have the authority license them."""
        signer, doctor = Ed25519Signer.generate(), drafts.fresh_id()
        self.organisation.write(
            identity.EnrolPractitioner(practitioner=doctor, tag=drafts.fresh_salt(), key=signer.key)
        )
        licence = identity.IssueLicence(
            licence=drafts.fresh_id(),
            practitioner=doctor,
            profession="physician",
            ends=time.time_ns() // 1_000_000 + 86_400_000,
        )
        self.world.authority.organisation.write(licence)
        return doctor, signer

    def person(self, number: str = "N-1") -> str:
        return self.organisation.enrol_person(SYSTEM, number)[0]

    def keep(self, person: str, text: str, category: str = "allergy", **more: Any) -> str:
        """Keep and anchor one record; gives its id."""
        fields: dict[str, Any] = {
            "record": drafts.fresh_id(),
            "patient": person,
            "category": category,
            "sensitivity": "normal",
            "period": "2026-11",
            "media_type": "application/fhir+json",
            "content": text.encode(),
        }
        item = Item(**(fields | more))
        self.organisation.anchor(self.organisation.deposit([item]))
        return item.record

    def grant(self, person: str, to: House, **more: Any) -> str:
        """Give a grant for a person in custody; its package goes with the watch or not at all."""
        now = self.organisation.engine.now()
        fields: dict[str, Any] = {
            "grantee": to.id,
            "categories": ("allergy",),
            "purposes": ("treat",),
            "starts": now,
            "ends": now + 86_400_000,
        }
        terms = Terms(**(fields | more))
        return self.organisation.grant(person, terms).grant

    def session(self, grant: str, doctor: str, signer: Ed25519Signer) -> OpenedSession:
        """Prepare a session and open it on the chain."""
        made = self.organisation.prepare_session(grant, doctor, "treat")
        self.world.send(signer, doctor, self.organisation.open_messages(made), payer=self.id)
        return made

    def results(self) -> int:
        """Announce what is new."""
        return Results(self.organisation).run_once()

    def close(self) -> None:
        self.listener.close()
        self.organisation.vault.close()


class World:
    """Members on one chain; the last one is the authority."""

    def __init__(
        self, path: Path, count: int = 2, threshold: int = 1, *, publish: bool = True
    ) -> None:
        self.path = path
        self.threshold = threshold
        signers = [Ed25519Signer.generate() for _ in range(count + 1)]
        names = [drafts.fresh_id() for _ in signers]
        seed = secrets.token_bytes(32)
        genesis = Genesis(
            chain="yilian",
            time=time.time_ns() // 1_000_000,
            members=[
                FirstMember(
                    organisation=name,
                    kind="authority" if at == count else "hospital",
                    name=f"Member {at}",
                    registration=f"R-{at}",
                    key=signer.key,
                )
                for at, (name, signer) in enumerate(zip(names, signers, strict=True))
            ],
            validators=[FirstValidator(public=codec.to_text(validator_public(seed)), power=10)],
            parameters=Parameters(),
        )
        self.engine = Embedded.create(path / "chain", genesis, seed)
        secret = duplicates.new_secret()
        shares = duplicates.share(secret, count + 1, threshold)
        if threshold == 1:
            shares = [shares[0]] * (count + 1)
        self.houses = [
            House(self, name, signer, share)
            for name, signer, share in zip(names, signers, shares, strict=True)
        ]
        self.authority = self.houses[-1]
        self.members: Sequence[House] = self.houses[:-1]
        for each in self.houses:
            each.organisation.publish_key_service()
            if publish and each is not self.authority:
                each.publish()

    def send(
        self, signer: Ed25519Signer, sender: str, *messages: Any, payer: str | None = None
    ) -> None:
        """Sign as somebody, and require that the chain accepts it."""
        body = drafts.draft(
            chain="yilian",
            sender=sender,
            payer=payer or sender,
            messages=list(messages),
            signers=[signer],
        )
        outcome = self.engine.submit(drafts.sign(body, [signer])).result()
        assert outcome.code == 0, outcome

    def close(self) -> None:
        with ThreadPoolExecutor(len(self.houses)) as pool:
            list(pool.map(House.close, self.houses))
        self.engine.close()

    def __enter__(self) -> World:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def until(found: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait until something is there and give it; fails where it never comes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not come")


def revoke(house: House, person: str, grant: str) -> None:
    house.organisation.write(consent.Revoke(grant=grant), on_behalf_of=person)
    house.organisation.watch.catch_up()
