"""The worker: takes notices that are due, sends each by its channel, and records what came of it.

It records after it has sent. A crash in between sends the notice again with the same id, so no
notice is lost and the receiver can drop the second copy.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from yilian.gateway.notices.senders import NotSent, Outgoing, Sender
from yilian.ledger.errors import Refusal
from yilian.vault import notice as notices
from yilian.vault.desk import Desk
from yilian.vault.desk_formats import Language, Person
from yilian.vault.outbox import INBOX, Due, Outbox

LONGEST_SLEEP = 30.0
"""Seconds after which the worker looks again though nobody woke it."""

PARALLEL = 8
"""How many notices are on their way at once."""

_log = logging.getLogger(__name__)


class Worker:
    """Sends what is due, in a thread of its own between `start` and `stop`, or by `run_once`."""

    def __init__(
        self,
        outbox: Outbox,
        desk: Desk,
        senders: Sequence[Sender],
        organisations: Callable[[str], str],
        clock: Callable[[], int],
        *,
        language: Language = "zh-CN",
        offset: int = 480,
    ) -> None:
        """`organisations` gives an organisation's public name; `clock` milliseconds of UTC.

        `language` is for a person whom the desk does not know. `offset`: see `notice.words`.
        """
        self._outbox = outbox
        self._desk = desk
        self._senders = {sender.channel: sender for sender in senders}
        self._organisations = organisations
        self._clock = clock
        self._language: Language = language
        self._offset = offset
        self._turn = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; again is fine."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="yilian-notices", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop after the notices that are being sent, and wait for them; again is fine."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wake(self) -> None:
        """Tell the thread that a notice was put."""
        self._wake.set()

    def run_once(self) -> int:
        """Send what is due now; returns how many deliveries were tried."""
        with self._turn:
            due = self._outbox.due(self._clock())
            if not due:
                return 0
            # Side by side, so that a receiver who answers slowly holds up few others.
            with ThreadPoolExecutor(PARALLEL, thread_name_prefix="yilian-notice") as pool:
                return sum(pool.map(self._deliver_unless_stopping, due))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if self.run_once():
                    continue
                sleep = self._sleep()
            except Exception as error:
                # A full disk must not end the worker: what was not recorded is tried again.
                _log.error("notices: a round failed: %s", type(error).__name__)
                sleep = LONGEST_SLEEP
            self._wake.wait(sleep)

    def _sleep(self) -> float:
        following = self._outbox.next_due()
        if following is None:
            return LONGEST_SLEEP
        return min(max(following - self._clock(), 0) / 1000 + 0.01, LONGEST_SLEEP)

    def _deliver_unless_stopping(self, due: Due) -> bool:
        if self._stopping.is_set():
            return False
        self._deliver(due)
        return True

    def _deliver(self, due: Due) -> None:
        notice, channel = due.notice.notice, due.channel
        try:
            sender = self._senders.get(channel)
            if sender is None:
                raise NotSent("no-sender", final=True)
            proof = sender.send(self._outgoing(due))
        except NotSent as failure:
            self._outbox.failed(notice, channel, failure.reason, final=failure.final)
        except Refusal as refusal:
            self._outbox.failed(notice, channel, refusal.code.name)
        except Exception as error:
            # The text of another's error may hold an address: only its type is told.
            _log.error("notices: %s failed on %s: %s", channel, notice, type(error).__name__)
            self._outbox.failed(notice, channel, "internal")
        else:
            self._outbox.delivered(notice, channel, proof)

    def _outgoing(self, due: Due) -> Outgoing:
        notice = due.notice
        person = self._desk.find(notice.person)
        words = notices.words(
            notice.kind,
            notice.parameters,
            person.language if person else self._language,
            self._organisations,
            self._desk.organisation,
            self._offset,
        )
        address = _address(person, due.channel)
        if address is None:
            raise NotSent("no-address", final=True)
        secret = self._desk.webhook_secret(notice.person) if due.channel == "webhook" else None
        return Outgoing(
            notice=notice.notice,
            kind=notice.kind,
            at=notice.at,
            language=person.language if person else self._language,
            title=words.title,
            text=words.outside,
            address=address,
            secret=secret,
        )


def _address(person: Person | None, channel: str) -> str | None:
    if channel == INBOX:
        return ""
    if person is None:
        return None
    contacts = person.contacts
    addresses = {
        "webhook": contacts.webhook,
        "smtp": contacts.email,
        "sms": contacts.phone,
        "wechat": contacts.wechat,
    }
    return addresses.get(channel)
