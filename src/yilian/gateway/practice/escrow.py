"""Who keeps shares of emergency keys, and how enough of them are asked for within seconds.

Keepers are members whose nodes the chain says how to reach and who have a key service, at most
`MOST`, of whom more than half suffice. Every node works out the same list for a holder, from the
chain alone. Where there is no such member besides the holder, the holder is alone: one of one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from yilian.gateway.members.endpoints import endpoints
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.governance.state import MEMBERS
from yilian.ledger.modules.identity.state import KEY_SERVICES
from yilian.ledger.state import State
from yilian.vault.emergency_access import EmergencyReleased, EscrowAnswer, ShareRequest
from yilian.vault.shares import Keeper, Keepers

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

MOST = 7
SECONDS = 2.0
"""How long the keepers together may take."""

_SUITE_BYTE = b"\x01"


def keepers_of(organisation: Organisation, holder: str) -> Keepers:
    """Name the keepers of a holder's emergency keys, the holder first.

    `organisation` asks; for its own keys its own vault says what its key is.
    """
    state = organisation.engine.state()
    own = _key(state, holder)
    if holder == organisation.id:
        own = organisation.vault.service_public_key()
    names = [name for name in endpoints(state) if MEMBERS.has(state, name)]
    if own is None or holder not in names:
        return Keepers(1, (Keeper(holder, own or b""),))
    at = names.index(holder)
    # In a ring, so that not the same few members keep everybody's shares.
    ring = [*names[at + 1 :], *names[:at]]
    others = [Keeper(name, key) for name in ring if (key := _key(state, name)) is not None]
    members = (Keeper(holder, own), *others[: MOST - 1])
    return Keepers(len(members) // 2 + 1, members)


def _key(state: State, organisation: str) -> bytes | None:
    service = KEY_SERVICES.get(state, organisation)
    return None if service is None else _SUITE_BYTE + codec.to_bytes(service.public)


def gather(
    organisation: Organisation, request: ShareRequest, released: EmergencyReleased
) -> list[EscrowAnswer]:
    """Ask all keepers at once; gives the answers as soon as enough have given their share.

    A keeper that is down, hangs or refuses is done without; too few answers are refused by whoever
    opens (`shares_too_few`).
    """
    until = time.monotonic() + SECONDS
    pool = ThreadPoolExecutor(max(1, len(released.keepers)), "yilian-keepers")
    try:
        waiting = {
            pool.submit(_ask, organisation, name, request)
            for name in dict.fromkeys(released.keepers)
        }
        found: list[EscrowAnswer] = []
        while waiting and sum(not each.reasons for each in found) < released.threshold:
            left = until - time.monotonic()
            if left <= 0:
                break
            done, waiting = wait(waiting, left, FIRST_COMPLETED)
            found += _answers(list(done))
        return found
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _ask(organisation: Organisation, name: str, request: ShareRequest) -> EscrowAnswer | None:
    try:
        answer = organisation.counterpart(name).share(request)
    except Refusal:
        return None
    # An answer in another's name would be opened as another's share.
    return answer if answer.keeper == name else None


def _answers(done: Sequence[Future[EscrowAnswer | None]]) -> list[EscrowAnswer]:
    return [found for each in done if (found := each.result()) is not None]
