"""One class per capability, one method per message. Written by tools/generate.py.

Do not edit: change the registry's messages instead, and run the tool. Each method drafts, signs and
submits one message; its keyword arguments are the message's fields, and `Common` says what else may
be given. Several messages in one transaction go by `client.send`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, Unpack

from yilian.ledger.keys import PublicKey
from yilian.ledger.module import Message
from yilian.ledger.modules.care import messages as care
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.governance import messages as governance
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.records import messages as records
from yilian.ledger.modules.supply import messages as supply
from yilian.sdk.steps import Common, Outcome


class AsyncSends(Protocol):
    """What a capability needs of its asynchronous client."""

    async def send(
        self, messages: Sequence[Message], *, wait: bool = True, **common: Unpack[Common]
    ) -> Outcome:
        """Send messages and wait without blocking."""


class AsyncIdentity:
    """The messages of `identity`, awaited."""

    def __init__(self, client: AsyncSends) -> None:
        self._client = client

    async def enrol_organisation(
        self,
        *,
        organisation: str,
        kind: identity.OrganisationKind,
        name: str,
        registration: str,
        key: PublicKey,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Bring in an organisation; a member vouches for it until it is voted a member itself.

        `registration` is its public number (in China the unified social credit code, GB 32100).
        """
        message = identity.EnrolOrganisation(
            organisation=organisation,
            kind=kind,
            name=name,
            registration=registration,
            key=key,
        )
        return await self._client.send([message], wait=wait, **common)

    async def enrol_person(
        self,
        *,
        person: str,
        tag: str,
        key: PublicKey | None = None,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Give a person a random id at the organisation that sends this.

        `tag` is the keyed duplicate check of the person's number (`vault/duplicates.py`): equal for
        the same number at the same organisation, and unrelated between organisations. Without `key`
        the organisation keeps the person's key in custody and acts on the person's behalf.
        """
        message = identity.EnrolPerson(
            person=person,
            tag=tag,
            key=key,
        )
        return await self._client.send([message], wait=wait, **common)

    async def enrol_practitioner(
        self,
        *,
        practitioner: str,
        tag: str,
        key: PublicKey,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Give a doctor, nurse or pharmacist an id at the organisation that employs them."""
        message = identity.EnrolPractitioner(
            practitioner=practitioner,
            tag=tag,
            key=key,
        )
        return await self._client.send([message], wait=wait, **common)

    async def enrol_device(
        self,
        *,
        device: str,
        tag: str,
        key: PublicKey,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Give a medical device an id and a key; `tag` is the keyed check of its UDI."""
        message = identity.EnrolDevice(
            device=device,
            tag=tag,
            key=key,
        )
        return await self._client.send([message], wait=wait, **common)

    async def enrol_agent(
        self,
        *,
        agent: str,
        key: PublicKey,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Give a program of the organisation (a gateway, a key service) a key of its own."""
        message = identity.EnrolAgent(
            agent=agent,
            key=key,
        )
        return await self._client.send([message], wait=wait, **common)

    async def publish_key_service(
        self,
        *,
        kem: Literal["mlkem768-x25519"],
        public: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Publish the HPKE key to which grants to the sending organisation are wrapped (RFC
        9180).
        """
        message = identity.PublishKeyService(
            kem=kem,
            public=public,
        )
        return await self._client.send([message], wait=wait, **common)

    async def add_key(
        self,
        *,
        key: PublicKey,
        proof: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Add a key, such as a second device; `proof` is the new key's signature on the request."""
        message = identity.AddKey(
            key=key,
            proof=proof,
        )
        return await self._client.send([message], wait=wait, **common)

    async def rotate_key(
        self,
        *,
        old: str,
        key: PublicKey,
        proof: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Replace one of the sender's own keys; the old one is dead from then on."""
        message = identity.RotateKey(
            old=old,
            key=key,
            proof=proof,
        )
        return await self._client.send([message], wait=wait, **common)

    async def revoke_key(
        self,
        *,
        key: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Kill a key: one's own, or one of a practitioner, device or agent of the organisation."""
        message = identity.RevokeKey(
            key=key,
        )
        return await self._client.send([message], wait=wait, **common)

    async def revoke_subject(
        self,
        *,
        subject: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """End a practitioner, device or agent of the sending organisation."""
        message = identity.RevokeSubject(
            subject=subject,
        )
        return await self._client.send([message], wait=wait, **common)

    async def hand_over_key(
        self,
        *,
        person: str,
        key: PublicKey,
        proof: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """End custody: the person takes over with a key of their own, and nobody acts for them."""
        message = identity.HandOverKey(
            person=person,
            key=key,
            proof=proof,
        )
        return await self._client.send([message], wait=wait, **common)

    async def issue_licence(
        self,
        *,
        licence: str,
        practitioner: str,
        profession: str,
        ends: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Certify that a practitioner may practise; sent by an authority or regulator."""
        message = identity.IssueLicence(
            licence=licence,
            practitioner=practitioner,
            profession=profession,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def revoke_licence(
        self,
        *,
        licence: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Withdraw a licence at once."""
        message = identity.RevokeLicence(
            licence=licence,
        )
        return await self._client.send([message], wait=wait, **common)

    async def set_guardians(
        self,
        *,
        threshold: int,
        guardians: list[str],
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Name guardians by salted commitments to keys made for this purpose, and how many
        suffice.
        """
        message = identity.SetGuardians(
            threshold=threshold,
            guardians=guardians,
        )
        return await self._client.send([message], wait=wait, **common)

    async def propose_recovery(
        self,
        *,
        recovery: str,
        person: str,
        key: PublicKey,
        proof: str,
        approvals: list[identity.Approval],
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Ask that a new key replace all lost ones, with enough guardians' approvals; it then
        waits.
        """
        message = identity.ProposeRecovery(
            recovery=recovery,
            person=person,
            key=key,
            proof=proof,
            approvals=approvals,
        )
        return await self._client.send([message], wait=wait, **common)

    async def cancel_recovery(
        self,
        *,
        recovery: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Stop a recovery that the holder of the old key did not ask for."""
        message = identity.CancelRecovery(
            recovery=recovery,
        )
        return await self._client.send([message], wait=wait, **common)

    async def link(
        self,
        *,
        link: str,
        terms: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """State that two ids are one person; `terms` commits to the ids and the ground, salted.

        The ids belong to the sending organisation, or one of them to another.
        """
        message = identity.Link(
            link=link,
            terms=terms,
        )
        return await self._client.send([message], wait=wait, **common)

    async def unlink(
        self,
        *,
        link: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Take a link back: the two ids are not, or no longer said to be, one person."""
        message = identity.Unlink(
            link=link,
        )
        return await self._client.send([message], wait=wait, **common)

    async def publish_endpoint(
        self,
        *,
        url: str,
        certificate: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Publish where other members reach the organisation's node, and its TLS certificate.

        `url` is `https://host` or `https://host:port` in lower case, without a path; `certificate`
        is the DER of a self-signed X.509 certificate (RFC 5280), at most 2,000 bytes.
        """
        message = identity.PublishEndpoint(
            url=url,
            certificate=certificate,
        )
        return await self._client.send([message], wait=wait, **common)

    async def withdraw_endpoint(
        self,
        *,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Take the organisation's endpoint away: other members reach its node no more."""
        message = identity.WithdrawEndpoint()
        return await self._client.send([message], wait=wait, **common)


class AsyncGovernance:
    """The messages of `governance`, awaited."""

    def __init__(self, client: AsyncSends) -> None:
        self._client = client

    async def propose(
        self,
        *,
        proposal: str,
        action: governance.AdmitMember
        | governance.RemoveMember
        | governance.SetParameter
        | governance.SetQuota
        | governance.SetValidator
        | governance.Upgrade,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Put an action to the vote; the proposer's own approval is its first vote."""
        message = governance.Propose(
            proposal=proposal,
            action=action,
        )
        return await self._client.send([message], wait=wait, **common)

    async def vote(
        self,
        *,
        proposal: str,
        approve: bool,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Approve or oppose an open proposal; a vote is final."""
        message = governance.Vote(
            proposal=proposal,
            approve=approve,
        )
        return await self._client.send([message], wait=wait, **common)

    async def withdraw(
        self,
        *,
        proposal: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Take back one's own open proposal."""
        message = governance.Withdraw(
            proposal=proposal,
        )
        return await self._client.send([message], wait=wait, **common)

    async def name_validator(
        self,
        *,
        public: str,
        proof: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Name the Ed25519 key with which the organisation validates; the old one's power passes
        to it.

        `proof` is the new key's signature on the request (`validators.key_proof`).
        """
        message = governance.NameValidator(
            public=public,
            proof=proof,
        )
        return await self._client.send([message], wait=wait, **common)

    async def tick(
        self,
        *,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Ask for a block, so that block time moves on; it changes nothing else."""
        message = governance.Tick()
        return await self._client.send([message], wait=wait, **common)


class AsyncConsent:
    """The messages of `consent`, awaited."""

    def __init__(self, client: AsyncSends) -> None:
        self._client = client

    async def grant(
        self,
        *,
        grant: str,
        terms: str,
        starts: int,
        ends: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """A person (the sender, or whom it acts for) lets someone read; `terms` commits to the
        rest.

        Valid from `starts` until before `ends` (ms). The opened terms travel with the wrapped key.
        """
        message = consent.Grant(
            grant=grant,
            terms=terms,
            starts=starts,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def change(
        self,
        *,
        grant: str,
        terms: str,
        starts: int,
        ends: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """A person replaces the terms of a standing grant, which keeps its id and gets a new
        version.

        Valid from `starts` until before `ends` (ms). What the old terms allowed ends with this
        block.
        """
        message = consent.Change(
            grant=grant,
            terms=terms,
            starts=starts,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def revoke(
        self,
        *,
        grant: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """A person takes a grant back, from this block on."""
        message = consent.Revoke(
            grant=grant,
        )
        return await self._client.send([message], wait=wait, **common)

    async def open_session(
        self,
        *,
        session: str,
        terms: str,
        ends: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """A reader opens an access session before any key is released.

        `terms` commits to the grant, the reader and the purpose, which only the parties learn; the
        holder's vault opens it and checks the grant. A session lasts at most the chain's limit.
        """
        message = consent.OpenSession(
            session=session,
            terms=terms,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def close_session(
        self,
        *,
        session: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """The reader ends a session early."""
        message = consent.CloseSession(
            session=session,
        )
        return await self._client.send([message], wait=wait, **common)

    async def ask(
        self,
        *,
        ask: str,
        terms: str,
        ends: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Someone who wants to read asks a person for it, until `ends` (ms).

        `terms` commits to whom is asked, by whom, for what and why. The answer is given off the
        chain, or is a grant that names no ask.
        """
        message = consent.Ask(
            ask=ask,
            terms=terms,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def withdraw_ask(
        self,
        *,
        ask: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Who asked takes the question back."""
        message = consent.WithdrawAsk(
            ask=ask,
        )
        return await self._client.send([message], wait=wait, **common)

    async def name_custodian(
        self,
        *,
        custodian: str,
        ends: int,
        powers: list[consent.Power],
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """A person names another who may act for them, until `ends` (ms); naming again replaces.

        `powers` are sorted and say what the custodian may do. Both persons are at home at one
        organisation, and the custodian holds a key of their own.
        """
        message = consent.NameCustodian(
            custodian=custodian,
            ends=ends,
            powers=powers,
        )
        return await self._client.send([message], wait=wait, **common)

    async def switch_custodian(
        self,
        *,
        custodian: str,
        on: bool,
        person: str | None = None,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """A person lets a custodian act, or act no more, at once.

        A custodian may also switch themselves off, and then names the `person` they acted for.
        """
        message = consent.SwitchCustodian(
            custodian=custodian,
            on=on,
            person=person,
        )
        return await self._client.send([message], wait=wait, **common)

    async def break_glass(
        self,
        *,
        access: str,
        terms: str,
        ends: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """A licensed practitioner opens an emergency access without a grant, until `ends` (ms).

        `terms` commits to the person, the reader, the place and the reason. It is reviewed
        afterwards.
        """
        message = consent.BreakGlass(
            access=access,
            terms=terms,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def end_break_glass(
        self,
        *,
        access: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """The reader ends an emergency access early."""
        message = consent.EndBreakGlass(
            access=access,
        )
        return await self._client.send([message], wait=wait, **common)

    async def review_break_glass(
        self,
        *,
        access: str,
        finding: consent.Finding,
        reasons: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Someone other than the reader judges an emergency access; `reasons` commits to why."""
        message = consent.ReviewBreakGlass(
            access=access,
            finding=finding,
            reasons=reasons,
        )
        return await self._client.send([message], wait=wait, **common)


class AsyncRecords:
    """The messages of `records`, awaited."""

    def __init__(self, client: AsyncSends) -> None:
        self._client = client

    async def anchor(
        self,
        *,
        record: str,
        commitment: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Record that one record exists, by a salted commitment to its exact bytes."""
        message = records.Anchor(
            record=record,
            commitment=commitment,
        )
        return await self._client.send([message], wait=wait, **common)

    async def anchor_batch(
        self,
        *,
        batch: str,
        root: str,
        size: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Record that `size` records exist, by the Merkle root (RFC 6962) over their
        commitments.
        """
        message = records.AnchorBatch(
            batch=batch,
            root=root,
            size=size,
        )
        return await self._client.send([message], wait=wait, **common)

    async def anchor_disclosures(
        self,
        *,
        batch: str,
        root: str,
        size: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Record who-read-what lines of a vault's journal, by the Merkle root over them."""
        message = records.AnchorDisclosures(
            batch=batch,
            root=root,
            size=size,
        )
        return await self._client.send([message], wait=wait, **common)

    async def hold(
        self,
        *,
        hold: str,
        mark: str,
        ground: records.Ground,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Forbid the destruction of a record that a dispute, a law or a trial still needs.

        `mark` names the record under the keeper's secret, so that it tells nobody else anything.
        """
        message = records.Hold(
            hold=hold,
            mark=mark,
            ground=ground,
        )
        return await self._client.send([message], wait=wait, **common)

    async def lift_hold(
        self,
        *,
        hold: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """End a hold; the record may be destroyed once no other hold stands."""
        message = records.LiftHold(
            hold=hold,
        )
        return await self._client.send([message], wait=wait, **common)

    async def erase(
        self,
        *,
        erasure: str,
        marks: list[str],
        extent: records.Extent,
        certificate: str,
        until: int | None = None,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Record that copies of records were destroyed, or sealed until their time to keep is
        over.

        `marks` are sorted and name the records as `Hold` does; `until` (ms) belongs to what is
        sealed; `certificate` commits to what was erased, on what ground, and who had received
        copies.
        """
        message = records.Erase(
            erasure=erasure,
            marks=marks,
            extent=extent,
            certificate=certificate,
            until=until,
        )
        return await self._client.send([message], wait=wait, **common)


class AsyncCare:
    """The messages of `care`, awaited."""

    def __init__(self, client: AsyncSends) -> None:
        self._client = client

    async def open_encounter(
        self,
        *,
        encounter: str,
        terms: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Record that an encounter began; `terms` commits to the patient and who treats them."""
        message = care.OpenEncounter(
            encounter=encounter,
            terms=terms,
        )
        return await self._client.send([message], wait=wait, **common)

    async def close_encounter(
        self,
        *,
        encounter: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Record that an encounter ended; the treatment relation that rests on it ends too."""
        message = care.CloseEncounter(
            encounter=encounter,
        )
        return await self._client.send([message], wait=wait, **common)

    async def cancel_encounter(
        self,
        *,
        encounter: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Take back an encounter that was opened by mistake, as if it had never been."""
        message = care.CancelEncounter(
            encounter=encounter,
        )
        return await self._client.send([message], wait=wait, **common)

    async def refer(
        self,
        *,
        referral: str,
        to: str,
        terms: str,
        ends: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Ask another organisation to go on with a patient's care, until before `ends` (ms).

        `terms` commits to the patient, the reason and who is to treat them.
        """
        message = care.Refer(
            referral=referral,
            to=to,
            terms=terms,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def accept_referral(
        self,
        *,
        referral: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Take a referral on; from then until its end it is a treatment relation."""
        message = care.AcceptReferral(
            referral=referral,
        )
        return await self._client.send([message], wait=wait, **common)

    async def decline_referral(
        self,
        *,
        referral: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Say that a referral is not taken on."""
        message = care.DeclineReferral(
            referral=referral,
        )
        return await self._client.send([message], wait=wait, **common)

    async def end_referral(
        self,
        *,
        referral: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """End a referral early, from either side."""
        message = care.EndReferral(
            referral=referral,
        )
        return await self._client.send([message], wait=wait, **common)


class AsyncSupply:
    """The messages of `supply`, awaited."""

    def __init__(self, client: AsyncSends) -> None:
        self._client = client

    async def register_company(
        self,
        *,
        company: str,
        gln: str,
        prefixes: list[str],
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Say under which GLN the sending member trades, and which company prefixes are its own."""
        message = supply.RegisterCompany(
            company=company,
            gln=gln,
            prefixes=prefixes,
        )
        return await self._client.send([message], wait=wait, **common)

    async def correct_company(
        self,
        *,
        company: str,
        prefixes: list[str],
        end: bool = False,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Take prefixes away from a registration, or end it; sent by a regulator."""
        message = supply.CorrectCompany(
            company=company,
            prefixes=prefixes,
            end=end,
        )
        return await self._client.send([message], wait=wait, **common)

    async def end_company(
        self,
        *,
        company: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """End a registration of the sending organisation; its GLN and prefixes are free again."""
        message = supply.EndCompany(
            company=company,
        )
        return await self._client.send([message], wait=wait, **common)

    async def register_product(
        self,
        *,
        gtin: str,
        kind: supply.ProductKind,
        name: str,
        responder: str,
        single_use: bool = False,
        cycles: int | None = None,
        lowest: int | None = None,
        highest: int | None = None,
        drug_code: str | None = None,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Name a product of the sending company; `responder` answers who asks whether a pack is
        real.

        `lowest` and `highest` bound its storage in hundredths of a degree C; a device is for
        `single_use`, or for so many `cycles` of reprocessing; `drug_code` begins its Chinese trace
        codes.
        """
        message = supply.RegisterProduct(
            gtin=gtin,
            kind=kind,
            name=name,
            responder=responder,
            single_use=single_use,
            cycles=cycles,
            lowest=lowest,
            highest=highest,
            drug_code=drug_code,
        )
        return await self._client.send([message], wait=wait, **common)

    async def amend_product(
        self,
        *,
        gtin: str,
        name: str,
        responder: str,
        single_use: bool = False,
        cycles: int | None = None,
        lowest: int | None = None,
        highest: int | None = None,
        drug_code: str | None = None,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Describe one's own product anew: everything but its number and kind is as said here."""
        message = supply.AmendProduct(
            gtin=gtin,
            name=name,
            responder=responder,
            single_use=single_use,
            cycles=cycles,
            lowest=lowest,
            highest=highest,
            drug_code=drug_code,
        )
        return await self._client.send([message], wait=wait, **common)

    async def offer_product(
        self,
        *,
        gtin: str,
        to: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Offer one's own product to another company; an earlier offer lapses."""
        message = supply.OfferProduct(
            gtin=gtin,
            to=to,
        )
        return await self._client.send([message], wait=wait, **common)

    async def accept_product(
        self,
        *,
        gtin: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Take over a product that was offered; who asks about its packs then asks the new
        owner.
        """
        message = supply.AcceptProduct(
            gtin=gtin,
        )
        return await self._client.send([message], wait=wait, **common)

    async def withdraw_offer(
        self,
        *,
        gtin: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Take an offer of one's own product back."""
        message = supply.WithdrawOffer(
            gtin=gtin,
        )
        return await self._client.send([message], wait=wait, **common)

    async def end_product(
        self,
        *,
        gtin: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """End a product's entry; sent by its owner or a regulator. Packs in the trade remain."""
        message = supply.EndProduct(
            gtin=gtin,
        )
        return await self._client.send([message], wait=wait, **common)

    async def issue_credential(
        self,
        *,
        credential: str,
        organisation: str,
        role: supply.Role,
        ends: int,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """State, as a regulator, that an organisation may act in a role until before `ends`
        (ms).
        """
        message = supply.IssueCredential(
            credential=credential,
            organisation=organisation,
            role=role,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def revoke_credential(
        self,
        *,
        credential: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Withdraw a credential at once; sent by a regulator."""
        message = supply.RevokeCredential(
            credential=credential,
        )
        return await self._client.send([message], wait=wait, **common)

    async def post(
        self,
        *,
        interval: int,
        root: str,
        nullifiers: list[str],
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Post the interval's root and nullifiers; alike in size whatever was traded, or
        nothing.

        `root` commits to the events and titles of the interval; `nullifiers` are as many as the
        parameter `supply_slots` says, random where nothing was spent.
        """
        message = supply.Post(
            interval=interval,
            root=root,
            nullifiers=nullifiers,
        )
        return await self._client.send([message], wait=wait, **common)

    async def publish_view_key(
        self,
        *,
        kem: Literal["mlkem768-x25519"],
        public: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Publish the HPKE key under which members let the sending regulator see their trade."""
        message = supply.PublishViewKey(
            kem=kem,
            public=public,
        )
        return await self._client.send([message], wait=wait, **common)

    async def grant_view(
        self,
        *,
        key: str,
        regulator: str,
        wrapped: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Give a regulator a seed, wrapped to its view key, that opens the sender's posts from
        now on.

        `key` is the SHA-256 of that view key's bytes.
        """
        message = supply.GrantView(
            key=key,
            regulator=regulator,
            wrapped=wrapped,
        )
        return await self._client.send([message], wait=wait, **common)

    async def issue_recall(
        self,
        *,
        recall: str,
        gtin: str,
        grade: int,
        reason: supply.Reason,
        lots: list[str],
        serials: list[str],
        ends: int | None = None,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Call a product back: some lots, some serials, or all of it; by its owner or a
        regulator.

        `serials` are `numbers.serial_digest`; without lots and serials the recall is of every pack.
        `grade` 1 is the gravest. Without `ends` (ms) it stands until it is ended.
        """
        message = supply.IssueRecall(
            recall=recall,
            gtin=gtin,
            grade=grade,
            reason=reason,
            lots=lots,
            serials=serials,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def extend_recall(
        self,
        *,
        recall: str,
        lots: list[str],
        serials: list[str],
        ends: int | None = None,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Add lots or serials to a recall, or give it a later end; by who issued it or a
        regulator.
        """
        message = supply.ExtendRecall(
            recall=recall,
            lots=lots,
            serials=serials,
            ends=ends,
        )
        return await self._client.send([message], wait=wait, **common)

    async def end_recall(
        self,
        *,
        recall: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """End a recall; sent by who issued it or a regulator."""
        message = supply.EndRecall(
            recall=recall,
        )
        return await self._client.send([message], wait=wait, **common)

    async def raise_alert(
        self,
        *,
        alert: str,
        gtin: str,
        kind: supply.AlertKind,
        commitment: str,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Say in public that packs of a product may be falsified; by its owner or responder.

        `commitment` is salted and covers what was seen.
        """
        message = supply.RaiseAlert(
            alert=alert,
            gtin=gtin,
            kind=kind,
            commitment=commitment,
        )
        return await self._client.send([message], wait=wait, **common)

    async def close_alert(
        self,
        *,
        alert: str,
        finding: supply.Finding,
        wait: bool = True,
        **common: Unpack[Common],
    ) -> Outcome:
        """Say what an alert turned out to be; by who raised it, or the product's owner or
        responder.
        """
        message = supply.CloseAlert(
            alert=alert,
            finding=finding,
        )
        return await self._client.send([message], wait=wait, **common)


class AsyncCapabilities:
    """One attribute per capability."""

    def __init__(self, client: AsyncSends) -> None:
        self.identity = AsyncIdentity(client)
        self.governance = AsyncGovernance(client)
        self.consent = AsyncConsent(client)
        self.records = AsyncRecords(client)
        self.care = AsyncCare(client)
        self.supply = AsyncSupply(client)
