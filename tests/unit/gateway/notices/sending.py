"""Run by `test_worker.py` as a process of its own: open the desk and send what is due, once."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.unit.gateway.notices.servers import LOOPBACK
from tests.unit.vault.deskroom import Room, open_room
from yilian.gateway.notices.senders import Inbox, Sender
from yilian.gateway.notices.webhook import Webhook
from yilian.gateway.notices.worker import Worker


def worker(room: Room, *more: Sender) -> Worker:
    """A worker with the inbox, webhooks to this machine, and more."""
    senders: list[Sender] = [Inbox(), Webhook(LOOPBACK), *more]
    return Worker(room.outbox, room.desk, senders, lambda _: "仁爱医院", room.clock)


def main(folder: Path) -> None:
    with open_room(folder) as room:
        worker(room).run_once()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
