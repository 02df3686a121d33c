"""A node's folder: where its chain, keys, indexes and organisations stand.

node.json             what follows, in words (`Configuration`)
validator.key         the validator's Ed25519 seed (base64url), mode 0600
chain/                the store (`store.py`)
engine/               in a consortium, the consensus engine's own folder (`home.py`)
members.key           key and certificate by which other members know this node, mode 0600
log.key, log/         the key that signs checkpoints (mode 0600), and the log of heights (`log.py`)
accounts.sqlite       who may sign in to the portal (`gateway/auth/`); not to be deleted
story.json            what a demo did, for the portal's page `story`; no other node has it
index.sqlite          the chain index; may be deleted, it is rebuilt (index.rebuild: in PostgreSQL)
organisations/<id>/   one vault each, beside it `<id>.master-key` and `<id>.operator.key`
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.genesis import ChainId
from yilian.ledger.modules.identity.messages import OrganisationKind, PublicText
from yilian.node.outside import Credentials, IdentityProvider


class HostedOrganisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An organisation that this node works for, and the agent that signs for it."""

    id: codec.Id
    name: PublicText
    kind: OrganisationKind
    agent: codec.Id
    agent_key: codec.Id


class MailRelay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The mail server that takes notices, and the address they come from.

    `security`: `starttls`, `tls`, or `none` for a server on this machine. `password_file` is
    a path below the node's folder or a whole one, readable by its owner alone.
    """

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password_file: str | None = None


class Notices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """By which channels notices leave, besides the inbox.

    `networks`: those that are not public and that webhooks may reach all the same.
    """

    webhook: bool = False
    networks: list[str] = []
    mail: MailRelay | None = None


class ConsensusPeer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another member's consensus engine: its node id (40 hex digits), host and port.

    `gateway`: where that member's gateway answers, for those who look after this node.
    """

    name: str
    node: str
    host: str
    port: int
    gateway: str | None = None


class Consensus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How this member's consensus engine (CometBFT) meets the others'.

    Times are in ms and the same at every member: `commit_ms` is how long a decided block waits for
    late votes, `empty_blocks_ms` the longest time without a block. `begin_from` are addresses of
    other members' gateways, two at least: a node without blocks begins from a snapshot, checked
    through them. `snapshot_every` heights this node makes one; 0 for none. `keep_blocks`: how many
    heights the engine keeps of its own copy (at least those that evidence may speak of); 0 for all.
    Without `vote` the engine follows and does not vote.
    """

    host: str = "127.0.0.1"
    port: int = 26656
    peers: list[ConsensusPeer] = []
    propose_ms: int = 1_000
    vote_ms: int = 1_000
    commit_ms: int = 100
    empty_blocks_ms: int = 30_000
    snapshot_every: int = 0
    keep_blocks: int = 0
    begin_from: list[str] = []
    vote: bool = True


class MembersDoor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where other members reach this node: what it listens on, and what it tells the chain."""

    host: str = "127.0.0.1"
    port: int = 8421
    url: str


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long people who signed in stay in, and how often they may be wrong in a quarter hour.

    `staff` are all but persons. `tries_per_address`: raise it where many people come from one
    address, as they do behind a proxy. `outside`: by whose sign-ins people may come in besides.
    """

    person_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 30
    person_idle_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7
    staff_hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 12
    staff_idle_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 30
    tries_per_account: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    tries_per_address: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 10
    outside: list[IdentityProvider] = []

    def __post_init__(self) -> None:
        """Refuse two providers of one name, and one provider under two names."""
        for part in ("name", "issuer"):
            values = [getattr(each, part) for each in self.outside]
            if len(set(values)) != len(values):
                raise ValueError(f"two providers have the same {part}")


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a node is told in its `node.json`.

    With `consensus` the engine is CometBFT's and the chain is shared with other members; without
    it, the chain is this node's own. `index` and `content`: the PostgreSQL databases of the chain
    index and of what records say (`gateway/index/database.py`), `payloads`: the S3 bucket of the
    vaults (`vault/bucket.py`), each by URL; without them they are files in the folder. Secrets
    stand in files that a URL names. `public_url` is where people open the portal, and what their
    passkeys are bound to; without it they open http://localhost at `port`.
    """

    chain: ChainId
    organisations: list[HostedOrganisation]
    host: str = "127.0.0.1"
    port: int = 8420
    notices: Notices = Notices()
    consensus: Consensus | None = None
    members: MembersDoor | None = None
    index: str | None = None
    content: str | None = None
    payloads: str | None = None
    public_url: str | None = None
    sign_in: SignIn = SignIn()
    format: Literal["yilian-node/1"] = "yilian-node/1"


class ConfigurationError(Exception):
    """The node's folder is not as it must be; the text says what and what to do."""


class NodeFolder:
    """Paths below a node's folder, and the few files that are read and written whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chain = path / "chain"
        self.index = path / "index.sqlite"
        self.stale_index = path / "index.rebuild"
        self.engine = path / "engine"
        self.members_key = path / "members.key"
        self.accounts = path / "accounts.sqlite"
        self.story = path / "story.json"
        self._configuration = path / "node.json"
        self._validator = path / "validator.key"
        self._following = path / "validator.key.next"

    def vault(self, organisation: str) -> Path:
        """Give the folder of an organisation's vault."""
        return self.path / "organisations" / organisation

    def operator_key(self, organisation: str) -> Path:
        """Give the key file by which the organisation itself signs (votes, enrolments)."""
        return self.path / "organisations" / f"{organisation}.operator.key"

    def exists(self) -> bool:
        """Tell whether a node was made here."""
        return self._configuration.exists()

    def ended(self) -> bool:
        """Tell whether a consortium goes on from this node's chain, so that it only is read."""
        return (self.path / "promoted.json").exists()

    def note_promotion(self, chain: str, genesis: str) -> None:
        """Note that a consortium goes on from here: its chain, and the hash of its genesis."""
        text = msgspec.json.encode({"chain": chain, "genesis": genesis}) + b"\n"
        (self.path / "promoted.json").write_bytes(text)

    def configuration(self) -> Configuration:
        """Read `node.json`. Raises ConfigurationError."""
        if not self.exists():
            raise ConfigurationError(
                f"{self.path} holds no node. Make one: yilian init {self.path}"
            )
        try:
            found = msgspec.json.decode(self._configuration.read_bytes(), type=Configuration)
            _check_urls(found)
            return found
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{self._configuration} cannot be read: {error}") from error

    def write_configuration(self, configuration: Configuration) -> None:
        """Write `node.json`, replacing it whole."""
        text = msgspec.json.format(msgspec.json.encode(configuration), indent=2) + b"\n"
        part = self._configuration.with_suffix(".part")
        part.write_bytes(text)
        os.replace(part, self._configuration)

    def drop_index(self) -> None:
        """Remove the chain index; the node rebuilds it from the chain when it starts.

        One that stands in PostgreSQL is marked instead, to be filled anew.
        """
        for each in self.path.glob(self.index.name + "*"):
            each.unlink()
        if self.configuration().index is not None:
            self.stale_index.touch()

    def new_validator_seed(self, *, following: bool = False) -> bytes:
        """Make the validator's key, or the one that is to follow it; raises FileExistsError."""
        seed = secrets.token_bytes(32)
        self.path.mkdir(parents=True, exist_ok=True)
        path = self._following if following else self._validator
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(codec.to_text(seed).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return seed

    def validator_seed(self) -> bytes:
        """Read the validator's key; refuses a file that others may read."""
        return codec.to_bytes(_secret(self._validator))

    def following_seed(self) -> bytes | None:
        """Read the key that is to follow the validator's; None where none was made."""
        return codec.to_bytes(_secret(self._following)) if self._following.exists() else None

    def adopt_following_seed(self) -> None:
        """Put the key that was to follow in the validator key's place; the old one is gone."""
        os.replace(self._following, self._validator)

    def mail_password(self, relay: MailRelay) -> str | None:
        """Read the password for a mail relay; None where it needs none.

        Raises ConfigurationError, also for a file that others may read.
        """
        return None if relay.password_file is None else _secret(self.path / relay.password_file)

    def credentials(self, provider: IdentityProvider) -> Credentials:
        """Read by what this node shows itself to an identity provider, anew each time.

        Raises ConfigurationError, also for a file that others may read.
        """
        if provider.key_file is not None:
            return Credentials(None, _secret(self.path / provider.key_file))
        if provider.secret_file is not None:
            return Credentials(_secret(self.path / provider.secret_file), None)
        found = os.environ.get(provider.secret_variable or "", "")
        if not found:
            raise ConfigurationError(f"the variable {provider.secret_variable} is not set")
        return Credentials(found, None)


_PUBLIC_URL = re.compile(
    r"https://[a-z0-9.-]+(:[0-9]{1,5})?/?|http://localhost(:[0-9]{1,5})?/?", re.ASCII
)


def _check_urls(configuration: Configuration) -> None:
    """Refuse a URL of another kind, or one with a password in it; a value is never told."""
    public = configuration.public_url
    if public is not None and not _PUBLIC_URL.fullmatch(public):
        raise ConfigurationError(
            "node.json: public_url must be https://HOST[:PORT], or http://localhost[:PORT]"
        )
    kinds = {"index": "postgresql", "content": "postgresql", "payloads": "s3"}
    for name, scheme in kinds.items():
        url = getattr(configuration, name)
        if url is None:
            continue
        if not url.startswith(scheme + "://"):
            raise ConfigurationError(f"node.json: {name} must begin with {scheme}://")
        user = url.removeprefix(scheme + "://").partition("/")[0].rpartition("@")[0]
        if ":" in user or (user and scheme == "s3"):
            raise ConfigurationError(
                f"node.json: {name} holds a password. Put it in a file of mode 0600 and name that"
            )


def _secret(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{path} is readable by others: chmod 600 {path}")
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        raise ConfigurationError(f"{path} is missing") from None
