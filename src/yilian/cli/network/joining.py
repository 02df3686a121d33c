"""`yilian network invite, join, admit, validate`: an organisation comes to a running network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.bootstrap import joining, rotation, voting
from yilian.bootstrap.joining import GenesisDiffers, Invitation, Newcomer, Request
from yilian.bootstrap.making import Founder
from yilian.bootstrap.network import POWER
from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, STOPPED, Console, Usage
from yilian.cli.network import asking
from yilian.cli.network.making import Given, read_member
from yilian.cli.shape import Command
from yilian.ledger import keys
from yilian.ledger.genesis import Genesis
from yilian.ledger.modules.governance.messages import AdmitMember, SetValidator
from yilian.sdk.client import Client
from yilian.sdk.errors import RefusedError

WAITS = 3_600.0
_NAMED = "governance.validator_key_used"
_NO_KEY = "governance.no_validator_key"
_UNCHANGED = ("governance.power_unchanged", "governance.already_member")
_ENROLLED = ("identity.already_enrolled", "identity.id_taken")


def commands(console: Console) -> list[click.Command]:
    """Make the commands."""
    return [
        _invite(console),
        _join(console),
        _admit(console),
        _validate(console),
        _forget(console),
    ]


def _invite(console: Console) -> Command:
    def run(folder: Path, out: Path) -> int:
        at = asking.own(console, folder)
        if out.exists():
            raise console.usage("folder_in_use", path=str(out))
        with Client(at.gateway, language=console.language, patience=1.0) as client:
            genesis = msgspec.convert(client.genesis(), Genesis)
        joining.write(out, joining.invitation(at.folder, genesis))
        told = genesis.hash().hex()
        of = console.of
        lines = [
            of("network", "invited", path=str(out), chain=genesis.chain),
            of("network", "genesis", hash=told),
            of("network", "next_join", path=out.name, hash=told),
        ]
        console.show({"ok": True, "invitation": str(out), "genesis": told}, lines)
        return DONE

    params = [
        asking.folder(console),
        asking.option(
            console, "--out", type=values.file(console), metavar="FILE", default="invitation.json"
        ),
    ]
    return asking.command(console, "invite", run, params)


def _join(console: Console) -> Command:
    def run(
        folder: Path,
        invitation: Path,
        genesis_hash: str,
        given: Given,
        host: str,
        port: int,
        from_snapshot: bool,
    ) -> int:
        missing = asking.require_engine(console)
        if missing is not None:
            return missing
        invited = _read(console, invitation, Invitation)
        founder = Founder(given.name, given.kind, given.registration)
        newcomer = Newcomer(
            label=given.label, founder=founder, host=host, port=port, from_snapshot=from_snapshot
        )
        try:
            request = joining.join(folder, invited, genesis_hash.lower(), newcomer)
        except FileExistsError:
            raise console.usage("folder_in_use", path=str(folder)) from None
        except GenesisDiffers as differs:
            return asking.failed(console, "genesis_differs", REFUSED, found=differs.found)
        of, path = console.of, str(folder / joining.REQUEST)
        lines = [
            of("network", "joined", folder=str(folder), chain=request.chain),
            of("network", "request_made", path=path, organisation=request.organisation),
            of("network", "next_admit", path=joining.REQUEST),
            of("network", "next_follow", folder=str(folder)),
            of("network", "next_validate", folder=str(folder)),
        ]
        console.show({"ok": True, "organisation": request.organisation, "request": path}, lines)
        return DONE

    return asking.command(console, "join", run, _to_join(console))


def _to_join(console: Console) -> list[click.Parameter]:
    return [
        asking.folder(console),
        asking.option(
            console, "--invitation", type=values.file(console), metavar="FILE", required=True
        ),
        asking.option(
            console,
            "--genesis-hash",
            type=values.Value(console, "hash", _hash),
            metavar="HEX",
            required=True,
        ),
        asking.option(
            console,
            "--as",
            "given",
            type=values.Value(console, "member", read_member),
            metavar="LABEL:KIND:NAME:REGISTRATION",
            required=True,
        ),
        asking.option(console, "--host", default="127.0.0.1"),
        asking.option(
            console, "--port", type=click.IntRange(1, 65_533), metavar="NUMBER", default=8420
        ),
        asking.option(console, "--from-snapshot", is_flag=True),
    ]


def _admit(console: Console) -> Command:
    def run(folder: Path, request: Path, power: int, wait: bool, **given: Any) -> int:
        at = asking.own(console, folder)
        wanted = _read(console, request, Request)
        if wanted.chain != at.configuration.chain:
            return asking.failed(console, "other_chain", REFUSED, chain=wanted.chain)
        with asking.speaking(console, at, given) as client:
            admission = _Admission(console, client, at, wanted, power)
            code = admission.require_same()
            if code is not None:
                return code
            joining.note_peer(at.folder, wanted.peer)
            done = admission.step()
            if wait and not done:
                done = asking.again(WAITS, admission.step)
        told = {"ok": True, "organisation": wanted.organisation, "step": admission.at}
        console.show({**told, "done": done}, admission.lines())
        return DONE

    params: list[click.Parameter] = [
        *asking.to_member(console),
        click.Argument(["request"], metavar="REQUEST", type=values.file(console)),
        asking.option(
            console, "--power", type=click.IntRange(1, 1_000_000), metavar="NUMBER", default=POWER
        ),
        asking.option(console, "--wait", is_flag=True),
    ]
    return asking.command(console, "admit", run, params)


class _Admission:
    """One member's part in letting a newcomer in; `step` does all that can be done now."""

    def __init__(
        self, console: Console, client: Client, at: asking.Own, request: Request, power: int
    ) -> None:
        self._console = console
        self._client = client
        self._own = at.organisation.id
        self._request = request
        self._power = power
        self._said = ""
        self.at = "enrol"

    def require_same(self) -> int | None:
        """Refuse a request from another chain of that name, or one whose id is somebody else's."""
        genesis = msgspec.convert(self._client.genesis(), Genesis)
        if genesis.hash().hex() != self._request.genesis:
            return asking.failed(self._console, "other_chain", REFUSED, chain=self._request.genesis)
        if self._record("subjects") is not None and not self._holds_key():
            return asking.failed(self._console, "id_taken", REFUSED, id=self._request.organisation)
        return None

    def _holds_key(self) -> bool:
        """Tell whether who stands under the request's id signs with the request's key."""
        try:
            held = self._client.get("identity", "keys", keys.key_id(self._request.key)).value
        except RefusedError as refused:
            if refused.status != 404:
                raise
            return False
        return bool(held["owner"] == self._request.organisation)

    def step(self) -> bool:
        """Enrol, vote the member in, vote its validator in; gives whether all is done."""
        organisation = self._request.organisation
        if self._record("subjects") is None:
            self._enrol()
            self._say("enrolled")
        if self._record("members", "governance") is None:
            self.at = "member"
            return self._carry(AdmitMember(organisation=organisation)) and self.step()
        self.at = "validator"
        if self._votes():
            self.at = "done"
            return True
        return self._carry(SetValidator(organisation=organisation, power=self._power))

    def lines(self) -> list[str]:
        """Say where it stands, and what comes next."""
        name, organisation = self._request.name, self._request.organisation
        return [
            self._console.of(
                "network", f"admission/{self.at}", name=name, organisation=organisation
            )
        ]

    def _carry(self, action: AdmitMember | SetValidator) -> bool:
        try:
            part = voting.carry(self._client, self._own, action)
        except RefusedError as refused:
            if refused.code == _NO_KEY:
                self.at = "key"
                self._say("waits_for_key")
                return False
            if refused.code in _UNCHANGED:
                return False
            raise
        self._say(part.did, proposal=part.proposal, count=len(part.approved))
        if isinstance(action, AdmitMember):
            return self._record("members", "governance") is not None
        if self._votes():
            self.at = "done"
            return True
        return False

    def _enrol(self) -> None:
        try:
            self._client.send([self._request.enrolment()])
        except RefusedError as refused:
            if refused.code not in _ENROLLED or self._record("subjects") is None:
                raise

    def _votes(self) -> bool:
        listed = self._client.page("governance", "validators").items
        return any(each["organisation"] == self._request.organisation for each in listed)

    def _record(self, table: str, capability: str = "identity") -> dict[str, Any] | None:
        try:
            return self._client.get(capability, table, self._request.organisation).value
        except RefusedError as refused:
            if refused.status != 404:
                raise
            return None

    def _say(self, key: str, **parameters: int | str) -> None:
        text = self._console.of(
            "network", f"admission/{key}", name=self._request.name, **parameters
        )
        if text != self._said:
            self._said = text
            self._console.note(text)


def _validate(console: Console) -> Command:
    def run(folder: Path, wait: bool, **given: Any) -> int:
        at = asking.own(console, folder)
        with asking.speaking(console, at, given) as client:
            if not _enrolled(console, client, at, WAITS if wait else asking.PATIENCE):
                name, height = at.name, client.status().height
                return asking.failed(console, "not_enrolled", STOPPED, name=name, height=height)
            public = _name(console, client, at)

            def votes() -> bool:
                listed = client.page("governance", "validators").items
                return any(each["public"] == public for each in listed)

            done = votes() or (wait and asking.again(WAITS, votes))
        key = "validates" if done else "validator_named"
        lines = [console.of("network", key, name=at.name, path=joining.REQUEST)]
        console.show({"ok": True, "public": public, "votes": done}, lines)
        return DONE if done or not wait else STOPPED

    params = [*asking.to_member(console), asking.option(console, "--wait", is_flag=True)]
    return asking.command(console, "validate", run, params)


def _enrolled(console: Console, client: Client, at: asking.Own, patience: float) -> bool:
    """Wait until the own node knows the organisation: it may still be fetching old blocks."""

    def known() -> bool:
        try:
            client.get("identity", "subjects", at.organisation.id)
        except RefusedError as refused:
            if refused.code != "not_found":
                raise
            return False
        return True

    if known():
        return True
    console.note(console.of("network", "enrolment_waits", name=at.name))
    return asking.again(patience, known)


def _name(console: Console, client: Client, at: asking.Own) -> str:
    """Name the key in the folder, or another where that one has ended; gives the key."""
    chain, organisation = at.configuration.chain, at.organisation.id
    message = joining.name_validator(chain, organisation, at.folder.validator_seed())
    try:
        client.send([message])
    except RefusedError as refused:
        if refused.code != _NAMED:
            raise
        if rotation.named_key(client, organisation) != message.public:
            console.note(console.of("network", "key_ended"))
            message = joining.name_validator(chain, organisation, rotation.renew(at.folder))
            client.send([message])
    return message.public


def _forget(console: Console) -> Command:
    def run(folder: Path, name: str) -> int:
        at = asking.own(console, folder)
        known = {each.name: each.node for each in at.consensus.peers}
        if name not in known:
            raise console.usage("choice", name="NAME", choices=", ".join(known))
        joining.forget_peer(at.folder, known[name])
        console.show({"ok": True}, [console.of("network", "forgotten", name=name)])
        return DONE

    params = [asking.folder(console), click.Argument(["name"], metavar="NAME")]
    return asking.command(console, "forget", run, params)


def _read(console: Console, path: Path, kind: type[joining.T]) -> joining.T:
    try:
        return joining.read(path, kind)
    except OSError:
        raise console.usage("unreadable", path=str(path)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        text = console.of("network", "errors/bad_document", path=str(path))
        raise Usage(text) from None


def _hash(text: str) -> str:
    if len(text) != 64:
        raise ValueError(text)
    return bytes.fromhex(text).hex()
