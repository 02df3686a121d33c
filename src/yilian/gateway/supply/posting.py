"""Posts: one for every interval, of the same form and at the same moment of it, come what may.

    prepare   plan what is to be done, build its tree, sign the post and write it down
    send      at this organisation's moment of the interval, hand in what is ready by then

Where nothing is to be done, or it is not ready in time, a post of noise goes out in its place; what
came late goes with the next. So neither the time nor the form of a post says whether anything
happened. An interval in which nothing could be posted stays missed.

What is written down before it is sent is either found on the chain later, or taken back once no
block can take it any more: after a crash nothing is lost, and nothing is spent twice.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import sqlalchemy as sql

from yilian.gateway.supply import notes, title_rows
from yilian.gateway.supply.anchors import Anchors
from yilian.gateway.supply.histories import Content, events_levels, post_row
from yilian.gateway.supply.on_chain import TitleView
from yilian.gateway.supply.openings import Openings
from yilian.gateway.supply.title_rows import PLANNED, SENT, PostRow
from yilian.gateway.supply.titles import Titles
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply import errors
from yilian.ledger.modules.supply import state as supply
from yilian.ledger.modules.supply.messages import Post
from yilian.node.engine import Stopped

EXPIRES_MS = 30_000
"""How long after its interval a post may still be taken, however it got lost."""

RETRY_SECONDS = 1.0
_OFFSET = b"yilian-supply-offset/1\0"
log = logging.getLogger("yilian.gateway")


class _Ready(NamedTuple):
    """A signed post; `post` is its row, None for noise; `again`: it was handed in before."""

    raw: bytes
    interval: int
    expires: int
    post: int | None
    again: bool


class Poster:
    """Posts for one organisation. `start` and `stop` once; tests call `prepare` and `send`."""

    def __init__(
        self, titles: Titles, anchors: Anchors | None = None, openings: Openings | None = None
    ) -> None:
        """Without `anchors` no events are committed to, without `openings` no views granted."""
        self._titles = titles
        self._anchors = anchors
        self._openings = openings
        self._organisation = titles.organisation
        self._database = titles.database
        self._chain = titles.chain
        self._lock = threading.Lock()
        self._ready: dict[int, _Ready] = {}
        self._armed: dict[int, _Ready] = {}
        self._sent = -1
        self._lost: _Ready | None = None
        self._refused: _Ready | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.on_posted: list[Callable[[int], None]] = []
        """Called with the interval after a post of this organisation is on the chain."""

    # One interval

    def prepare(self, interval: int) -> None:
        """Make ready what is to be posted for an interval; the oldest undecided post comes first.

        What is ready only after `send` goes with the next interval.
        """
        undecided = self._undecided()
        if undecided is not None:
            with self._lock:
                self._ready[interval] = undecided
            return
        plan = self._planned()
        if plan is not None:
            while not self._bind(*plan, interval):
                interval += 1

    def arm(self, interval: int) -> None:
        """Sign a post of noise beforehand, so that it takes no longer to send than any other."""
        made = self._noise(interval)
        with self._lock:
            self._armed = {interval: made}

    def send(self, interval: int) -> bool:
        """Post for an interval; tells whether the chain has a post for it now.

        Raises what the engine raises where it is not known what became of the post.
        """
        with self._lock:
            self._sent = max(self._sent, interval)
            ready = self._ready.pop(interval, None) or self._armed.pop(interval, None)
        ready = ready or self._noise(interval)
        try:
            self._chain.submit(ready.raw)
        except Refusal as refusal:
            log.info("a post is refused: %s", refusal.code.name)
            self._take_back(ready, refusal)
            return self._view().root(self._organisation, interval) is not None
        except Exception:
            self._lost = ready if ready.post is None else None
            raise
        if ready.post is not None:
            self._settle(ready.post)
        for call in self.on_posted:
            call(interval)
        return True

    def retry(self, interval: int) -> bool:
        """Post once more what was refused, the same in a new transaction; as `send`."""
        refused, self._refused = self._refused, None
        waiting = self._row(PLANNED)
        if refused is not None and waiting is not None and refused.post == waiting.post:
            plan = self._planned()
            if plan is not None and plan[0] == refused.post:
                self._bind(*plan, interval, late=True)
        return self.send(interval)

    def reconcile(self) -> PostRow | None:
        """Find out what became of the post that was sent last; gives it where that is still open.

        Plans that were never sent are taken up by the next `prepare`.
        """
        row = self._row(SENT)
        if row is None or row.interval is None:
            return None
        found = self._view().root(self._organisation, row.interval)
        if found == row.root:
            self._settle(row.post)
            return None
        if found is None and self._chain.block_time() < row.expires:
            return row
        # Nobody can take it any more; or another copy of this organisation posted in its place.
        self._release(row.post)
        if found is not None:
            self._titles.spent_elsewhere()
        return None

    # Steps

    def _undecided(self) -> _Ready | None:
        """Give the post that was handed in and whose end is open; noise too, for it looks alike."""
        row = self.reconcile()
        if row is not None:
            return _Ready(row.raw, row.interval or 0, row.expires, row.post, again=True)
        lost = self._lost
        if lost is not None:
            found = self._view().root(self._organisation, lost.interval)
            if found is None and self._chain.block_time() < lost.expires:
                return lost._replace(again=True)
            self._lost = None
        return None

    def _planned(self) -> tuple[int, Content] | None:
        """Plan, unless a plan waits already; gives its number and what stands under its root."""
        waiting = self._row(PLANNED)
        slots = supply.slots(self._chain.state())
        if waiting is not None and waiting.slots > slots:
            self._release(waiting.post)
            waiting = None
        post = None if waiting is None else waiting.post
        if post is None:
            anchored = None if self._anchors is None else self._anchors.pending()
            with self._database.write() as connection:
                post = self._titles.plans.make(connection, slots, anchored)
        if post is None:
            return None
        with self._database.read() as connection:
            return post, self._titles.histories.content(connection, post_row(connection, post))

    def _bind(self, post: int, content: Content, interval: int, *, late: bool = False) -> bool:
        """Sign a plan's post for an interval and write it down; False where that one is over."""
        with self._database.read() as connection:
            seed = post_row(connection, post).seed
        slots = supply.slots(self._chain.state())
        rest = (notes.dummy(seed, slot) for slot in range(len(content.nullifiers), slots))
        expires = self._expires(interval)
        raw = self._sign(interval, content.root, [*content.nullifiers, *rest], expires)
        self._change(
            post, state=SENT, interval=interval, root=content.root, raw=raw, expires=expires
        )
        with self._lock:
            if interval <= self._sent and not late:
                return False
            self._ready[interval] = _Ready(raw, interval, expires, post, again=False)
        return True

    def _noise(self, interval: int) -> _Ready:
        """Sign a post in which nothing happens; nothing of it needs to be kept."""
        seed = self._titles.secrets.idle_seed(interval)
        root, nullifiers = idle(seed, supply.slots(self._chain.state()))
        expires = self._expires(interval)
        raw = self._sign(interval, root, nullifiers, expires)
        return _Ready(raw, interval, expires, None, again=False)

    def _sign(self, interval: int, root: bytes, nullifiers: list[bytes], expires: int) -> bytes:
        message = Post(
            interval=interval,
            root=codec.to_text(root),
            nullifiers=[codec.to_text(each) for each in nullifiers],
        )
        return self._chain.sign(message, expires)

    def _expires(self, interval: int) -> int:
        rhythm = supply.pace(self._chain.state(), self._chain.now())
        return max(rhythm.begins(interval + 1), self._chain.now()) + EXPIRES_MS

    def _take_back(self, ready: _Ready, refusal: Refusal) -> None:
        """Take a post back that was refused when it was handed in for the first time.

        One that was handed in before may still be on its way: it stays until that is known.
        """
        if ready.again:
            return
        self._refused = ready
        if ready.post is None or self.reconcile() is None:
            return
        if refusal.code in (errors.SPENT, errors.INTERVAL_PAST):
            # What is kept here is older than the chain: a backup was restored.
            self._release(ready.post)
            self._titles.spent_elsewhere()
        else:
            self._change(ready.post, state=PLANNED, interval=None, raw=b"", expires=0)

    def _settle(self, post: int) -> None:
        with self._database.write() as connection:
            self._titles.plans.settle(connection, post)

    def _release(self, post: int) -> None:
        with self._lock:
            self._ready = {at: each for at, each in self._ready.items() if each.post != post}
        with self._database.write() as connection:
            self._titles.plans.release(connection, post)

    def _view(self) -> TitleView:
        return TitleView(self._chain.state())

    def _row(self, state: str) -> PostRow | None:
        table = title_rows.posts
        query = sql.select(table).where(table.c.state == state).order_by(table.c.post)
        with self._database.read() as connection:
            return next(iter(title_rows.found(connection, PostRow, query)), None)

    def _change(self, post: int, **fields: object) -> None:
        table = title_rows.posts
        with self._database.write() as connection:
            connection.execute(sql.update(table).where(table.c.post == post).values(**fields))

    # All intervals

    def start(self) -> None:
        """Start; again is fine."""
        if not self._threads:
            self._stopping.clear()
            last = supply.last_post(self._chain.state(), self._organisation)
            self._sent = max(self._sent, -1 if last is None else last)
            self._threads = [
                threading.Thread(target=each, name=f"yilian-supply-{name}", daemon=True)
                for name, each in (("posts", self._run), ("chores", self._run_chores))
            ]
            for each in self._threads:
                each.start()

    def stop(self) -> None:
        """Stop after the post that is on its way; again is fine."""
        self._stopping.set()
        self._wake.set()
        for each in self._threads:
            each.join()
        self._threads = []

    def wake(self) -> None:
        """Look now whether claims are to be asked for and packages to be brought."""
        self._wake.set()

    def chores(self) -> None:
        """Let regulators see, ask for claims, send packages and word off; what fails waits."""
        titles = self._titles
        chores = (self._grant_views, titles.fetch_claims, titles.send_off, titles.telling.send)
        for each in chores:
            try:
                each()
            except Refusal as refusal:
                log.info("a shipment, a view or word of ends waits: %s", refusal.code.name)

    def _grant_views(self) -> None:
        if self._openings is None or not supply.trades(self._chain.state(), self._organisation):
            return
        for message in self._openings.grants():
            self._chain.submit(self._chain.sign(message, self._chain.now() + EXPIRES_MS))

    def next_moment(self, after: int) -> tuple[int, int]:
        """Give the first interval later than `after` that can still be posted for, and when (ms).

        The moment within the interval is this organisation's own, by its id alone: so members do
        not post all at once, and nothing that they do moves it.
        """
        rhythm = supply.pace(self._chain.state(), self._chain.now())
        digest = hashlib.sha256(_OFFSET + self._organisation.encode("ascii")).digest()
        offset = int.from_bytes(digest[:8], "big") % rhythm.ms
        interval = max(after + 1, rhythm.at(self._chain.now() - offset))
        moment = rhythm.begins(interval) + offset
        if moment <= self._chain.now():
            interval, moment = interval + 1, moment + rhythm.ms
        return interval, moment

    def _run(self) -> None:
        with ThreadPoolExecutor(1, "yilian-supply-plan") as planner:
            preparing: Future[None] | None = None
            while not self._stopping.is_set():
                try:
                    if not supply.trades(self._chain.state(), self._organisation):
                        self._stopping.wait(RETRY_SECONDS)
                        continue
                    interval, moment = self.next_moment(self._sent)
                    lead = (moment - self._chain.now()) / 2_000
                    self._stopping.wait(lead / 2)
                    self._wake.set()
                    self._stopping.wait(lead / 2)
                    if preparing is None or preparing.done():
                        preparing = planner.submit(self._prepared, interval)
                    self.arm(interval)
                    self._stopping.wait(max(0.0, (moment - self._chain.now()) / 1_000))
                    if not self._stopping.is_set():
                        self._post(interval)
                except Stopped as stopped:
                    log.warning("nothing is posted: %s", type(stopped).__name__)
                    self._stopping.wait(RETRY_SECONDS)
                except Exception:
                    log.exception("a post could not be made")
                    self._stopping.wait(RETRY_SECONDS)

    def _prepared(self, interval: int) -> None:
        try:
            self.prepare(interval)
        except Exception:
            # The interval is posted for all the same; the next one tries again.
            log.exception("a post could not be prepared")

    def _post(self, interval: int) -> None:
        """Post, and again while the interval lasts where it is refused."""
        done = self.send(interval)
        self._wake.set()
        rhythm = supply.pace(self._chain.state(), self._chain.now())
        end = rhythm.begins(interval + 1)
        while not done and not self._stopping.wait(RETRY_SECONDS) and self._chain.now() < end:
            done = self.retry(interval)

    def _run_chores(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            if self._stopping.is_set():
                # What `stop` set was cleared: it would wait for this thread until the next turn.
                return
            try:
                self.chores()
            except Exception:
                log.exception("a shipment could not be seen to")
            self._wake.wait(30.0)


def idle(seed: bytes, slots: int) -> tuple[bytes, list[bytes]]:
    """Give root and nullifiers of a post in which nothing happened."""
    blind, (key, value) = notes.noise(seed)
    root = notes.post_root(events_levels(blind, b"")[-1][0], notes.TitleTree({key: value}).root)
    return root, [notes.dummy(seed, slot) for slot in range(slots)]
