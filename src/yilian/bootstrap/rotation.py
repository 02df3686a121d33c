"""A validator's key gives way to a new one, and never vote both.

1. The new key is made (`validator.key.next`) and named on the chain, in block H. From there the old
   key has no power and the new one has it: consensus counts the old until H+1, the new from H+2.
2. The engine goes on with the old key until its node has block H+1. Then no vote of the old key is
   wanted any more, and none of the new one can have been given.
3. The new key takes the old one's place on the disk, and the engine starts again with it. The
   engine's note of what it voted last stays: it binds the new key too.

Each step looks at how things stand, so that all of it may be broken off anywhere and run again; in
between, this member's votes are missing, and nobody else's.
"""

from __future__ import annotations

import base64
from typing import Any, Literal

from yilian.bootstrap import engine_process
from yilian.bootstrap.joining import name_validator
from yilian.ledger import codec
from yilian.ledger.modules.governance.state import NAMED_VALIDATORS
from yilian.node.config import NodeFolder
from yilian.node.embedded import validator_public
from yilian.node.home import EngineHome
from yilian.node.link import EngineAway
from yilian.node.rpc import Rpc, RpcError
from yilian.sdk.client import Client
from yilian.sdk.errors import RefusedError

_USED = "governance.validator_key_used"

Step = Literal["name", "wait", "switch", "done"]


def named_key(client: Client, organisation: str) -> str | None:
    """Read which key an organisation validates with, or will; None where its last one has ended."""
    value = client.state_proof(f"{NAMED_VALIDATORS.prefix.decode()}{organisation}")["value"]
    return None if value is None else NAMED_VALIDATORS.decode(value.encode()).public


def renew(folder: NodeFolder) -> bytes:
    """Give a node whose key has ended for good another one; neither has power, so at once."""
    seed = folder.following_seed() or folder.new_validator_seed(following=True)
    folder.adopt_following_seed()
    home = EngineHome(folder.engine)
    home.write_validator_key(seed)
    engine_process.restart(home)
    return seed


class Rotation:
    """One rotation, at the step where it stands. `client` asks and signs at the own node."""

    def __init__(self, folder: NodeFolder, chain: str, organisation: str, client: Client) -> None:
        self._folder = folder
        self._home = EngineHome(folder.engine)
        self._chain = chain
        self._organisation = organisation
        self._client = client
        self.height: int | None = None

    def begin(self) -> None:
        """Make the new key, unless a rotation that was broken off is to be finished."""
        if self._folder.following_seed() is None and not self._unfinished():
            self._folder.new_validator_seed(following=True)

    def step(self) -> Step:
        """Do the next thing that can be done; gives what was done or is waited for."""
        seed = self._folder.following_seed()
        if seed is None:
            return "switch" if self._switch(self._folder.validator_seed()) else "done"
        since = self._since(seed)
        if since is None:
            self._name(seed)
            return "name"
        self.height = since
        if self._client.block()["height"] <= since:
            return "wait"
        self._folder.adopt_following_seed()
        self._switch(seed)
        return "switch"

    def public(self) -> str:
        """Give the new key."""
        seed = self._folder.following_seed() or self._folder.validator_seed()
        return codec.to_text(validator_public(seed))

    def _unfinished(self) -> bool:
        return self._running_key() not in (None, validator_public(self._folder.validator_seed()))

    def _switch(self, seed: bytes) -> bool:
        """Start the engine with this key, where it runs with another; gives whether it did."""
        if self._running_key() == validator_public(seed):
            return False
        self._home.write_validator_key(seed)
        engine_process.restart(self._home)
        return True

    def _name(self, seed: bytes) -> None:
        try:
            self._client.send([name_validator(self._chain, self._organisation, seed)])
        except RefusedError as refused:
            if refused.code != _USED:
                raise

    def _since(self, seed: bytes) -> int | None:
        """Find the height at which this key got its power."""
        public = codec.to_text(validator_public(seed))
        for each in self._client.page("governance", "validators").items:
            if each["public"] == public:
                return int(each["since"])
        return None

    def _running_key(self) -> bytes | None:
        """Ask the engine which key it votes with."""
        rpc = Rpc(self._home.rpc)
        try:
            told: dict[str, Any] = rpc.status()["validator_info"]["pub_key"]
        except (EngineAway, RpcError, KeyError, OSError):
            return None
        finally:
            rpc.close()
        return base64.b64decode(told["value"])
