"""Make a sentry's folder: a node that follows, votes for nobody, and stands before a validator.

    python deploy/sentry.py FOLDER_OF_THE_MEMBER SENTRY --validator HOST --own HOST

Of the hosts, `--validator` is the member's engine as the sentry reaches it, `--own` the sentry as
the validator and other members reach it. The member's node must be down; its folder is only read.
Prints what the member's own node.json, and that of all other members, then has of the sentry. The
sentry's folder holds a node key and no other secret.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from yilian.bootstrap import joining
from yilian.ledger import genesis
from yilian.node.config import Configuration, Consensus, ConsensusPeer, NodeFolder
from yilian.node.engine import write_genesis
from yilian.node.home import EngineHome
from yilian.node.store import Store, StoreDamaged


class Place(NamedTuple):
    """Where a sentry is reached, and where it finds what stands behind it."""

    validator: str
    own: str
    port: int = 8422
    gateway: int = 8420
    begin_from: tuple[str, ...] = ()


def main() -> None:
    """Read the command line and make it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("member", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--validator", required=True, metavar="HOST")
    parser.add_argument("--own", required=True, metavar="HOST")
    parser.add_argument("--port", type=int, default=8422, help="of the sentry's consensus")
    parser.add_argument("--gateway-port", type=int, default=8420)
    parser.add_argument(
        "--begin-from",
        action="append",
        default=[],
        metavar="URL",
        help="gateways of two members, to begin from a snapshot",
    )
    given = parser.parse_args()
    if given.folder.exists() and any(given.folder.iterdir()):
        parser.error(f"{given.folder} is not empty")
    place = Place(
        given.validator, given.own, given.port, given.gateway_port, tuple(given.begin_from)
    )
    try:
        peer = make(NodeFolder(given.member), NodeFolder(given.folder), place)
    except StoreDamaged as error:
        sys.exit(f"{given.member}: {error}")
    entry = msgspec.json.encode(peer).decode()
    print(f'Member: "peers": [{entry}]')
    print(f"Others, in place of the member's entry: {entry}")


def make(member: NodeFolder, sentry: NodeFolder, place: Place) -> ConsensusPeer:
    """Make the sentry's folder from a member's; gives the sentry as a peer.

    Raises StoreDamaged, also where the member's node runs.
    """
    with contextlib.closing(Store(member.chain)) as store:
        begins = genesis.read(store.genesis() or b"")
    invited = joining.invitation(member, begins)
    # The first peer of an invitation is the member that gives it.
    own, *others = invited.peers
    write_genesis(sentry.chain, begins)
    node = EngineHome(sentry.engine).make(begins, os.urandom(32))
    consensus = Consensus(
        host="0.0.0.0",  # noqa: S104 (others' engines come here; the network decides who)
        port=place.port,
        peers=[msgspec.structs.replace(own, host=place.validator, gateway=None), *others],
        begin_from=list(place.begin_from),
        vote=False,
        **msgspec.structs.asdict(invited.pace),
    )
    sentry.write_configuration(
        Configuration(chain=begins.chain, organisations=[], port=place.gateway, consensus=consensus)
    )
    return ConsensusPeer(name=f"{own.name}-sentry", node=node, host=place.own, port=place.port)


if __name__ == "__main__":
    main()
