"""The worker: what is due is sent and recorded, also after a crash between the two."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.unit.gateway.notices.sending import worker
from tests.unit.gateway.notices.servers import posting, receiving, say
from tests.unit.vault.builders import HOSPITAL, NOW, identifier
from tests.unit.vault.deskroom import EMAIL, STRANGER, WANG, Room, open_room, wang
from yilian.gateway.notices.senders import NotSent, Outgoing
from yilian.gateway.notices.smtp import Mail, Relay
from yilian.vault.outbox import FIRST_WAIT

REPOSITORY = Path(__file__).resolve().parents[4]
GLASS: dict[str, str | int] = {
    "access": identifier("access"),
    "organisation": HOSPITAL,
    "time": NOW,
}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        yield opened


def put(room: Room, person: str = WANG, at: int = NOW) -> str:
    return room.outbox.put(person, "glass_broken", GLASS, at)


def states(room: Room, notice: str) -> dict[str, str]:
    return {each.channel: each.state for each in room.outbox.deliveries(notice)}


class Adapter:
    """A messaging service as an adapter would bring it."""

    channel = "sms"

    def __init__(self, failure: Exception | None = None) -> None:
        self.sent: list[Outgoing] = []
        self.failure = failure
        self.taken = threading.Event()

    def send(self, outgoing: Outgoing) -> str | None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(outgoing)
        self.taken.set()
        return None


def test_a_notice_reaches_every_channel_and_says_nothing_of_health(room: Room) -> None:
    sms = Adapter()
    with receiving(say(200)) as receiver, posting() as post:
        mail = Mail(Relay("127.0.0.1", post.port, "notices@renai.example.cn", "none"))
        room.desk.put_person(wang(email=EMAIL, webhook=receiver.url(), phone="+8613800138000"))
        notice = put(room)
        assert worker(room, mail, sms).run_once() == 4
        assert worker(room, mail, sms).run_once() == 0
    assert set(states(room, notice).values()) == {"delivered"}
    lines = room.outbox.history.of(notice)
    assert [line.event for line in lines] == ["queued", *["delivered"] * 4]
    assert {line.channel: line.proof is not None for line in lines[1:]} == {
        "inbox": False,
        "sms": False,
        "smtp": True,
        "webhook": True,
    }
    posted = json.loads(receiver.posted[0].body)
    assert posted["title"] == sms.sent[0].title == "您的记录被紧急访问"
    assert "仁爱医院" in posted["text"]
    assert (len(post.mails), sms.sent[0].address) == (1, "+8613800138000")
    assert sms.sent[0].secret is None
    outside = receiver.posted[0].body + post.mails[0].data + repr(sms.sent).encode()
    assert not any(word.encode() in outside for word in (str(GLASS["access"]), WANG, "王秀英"))


def test_a_person_unknown_to_the_desk_has_the_inbox(room: Room) -> None:
    notice = put(room, STRANGER)
    assert worker(room).run_once() == 1
    assert states(room, notice) == {"inbox": "delivered"}


def test_an_address_that_went_and_a_channel_that_nobody_serves(room: Room) -> None:
    room.desk.put_person(wang(email=EMAIL, phone="+8613800138000"))
    notice = put(room)
    room.desk.put_person(wang(phone="+8613800138000"))
    worker(room, Mail(Relay("127.0.0.1", 9, "notices@renai.example.cn", "none"))).run_once()
    assert states(room, notice) == {"inbox": "delivered", "sms": "given_up", "smtp": "given_up"}
    reasons = {line.channel: line.reason for line in room.outbox.history.of(notice)}
    assert (reasons["smtp"], reasons["sms"]) == ("no-address", "no-sender")


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (NotSent("busy"), "busy"),
        (RuntimeError("+8613800138000 is on the black list"), "internal"),
    ],
)
def test_a_failure_is_tried_again_and_its_text_is_not_logged(
    room: Room, caplog: pytest.LogCaptureFixture, failure: Exception, reason: str
) -> None:
    caplog.set_level(logging.DEBUG)
    room.desk.put_person(wang(phone="+8613800138000"))
    notice = put(room)
    sms = Adapter(failure)
    running = worker(room, sms)
    running.run_once()
    assert states(room, notice) == {"inbox": "delivered", "sms": "waiting"}
    told = {line.channel: line.reason for line in room.outbox.history.of(notice)}
    assert told["sms"] == reason
    assert "13800138000" not in caplog.text
    sms.failure = None
    room.clock.now += FIRST_WAIT
    running.run_once()
    assert states(room, notice)["sms"] == "delivered"
    assert [each.notice for each in sms.sent] == [notice]


def test_killed_between_sending_and_noting_it_sends_again_under_the_same_key(
    tmp_path: Path,
) -> None:
    """The receiver has the notice, the sender dies before the answer: no loss, and one key."""
    child: list[int] = []
    started = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if child:
            started.wait(60)
            os.kill(child.pop(), signal.SIGKILL)
            return
        say(200)(handler)

    with receiving(answer) as receiver:
        with open_room(tmp_path / "room") as room:
            room.desk.put_person(wang(webhook=receiver.url()))
            notice = put(room)
        command = [sys.executable, "-m", "tests.unit.gateway.notices.sending"]
        child.append(0)
        process = subprocess.Popen([*command, str(tmp_path / "room")], cwd=REPOSITORY)
        child[0] = process.pid
        started.set()
        assert process.wait(60) == -signal.SIGKILL
        with open_room(tmp_path / "room") as room:
            assert states(room, notice)["webhook"] == "waiting"
            worker(room).run_once()
            assert states(room, notice) == {"inbox": "delivered", "webhook": "delivered"}
            worker(room).run_once()
    keys = [each.headers["idempotency-key"] for each in receiver.posted]
    assert keys == [notice, notice]
    assert receiver.posted[0].body == receiver.posted[1].body


def test_the_thread_sends_when_woken_and_stops(room: Room) -> None:
    room.desk.put_person(wang(phone="+8613800138000"))
    sms = Adapter()
    running = worker(room, sms)
    # A node that another test keeps running in this process has a worker of its own.
    before = set(threading.enumerate())
    running.start()
    running.start()
    begun = [each.name for each in set(threading.enumerate()) - before]
    assert begun.count("yilian-notices") == 1
    try:
        notice = put(room)
        running.wake()
        assert sms.taken.wait(60)
        # Stopping now may leave the inbox, which is sent beside it, for the next round.
        until = time.monotonic() + 60
        while set(states(room, notice).values()) != {"delivered"} and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        running.stop()
        running.stop()
    assert states(room, notice) == {"inbox": "delivered", "sms": "delivered"}
    left = set(threading.enumerate()) - before
    assert "yilian-notices" not in {each.name for each in left}
    put(room)
    assert running.run_once() == 0
    running.start()
    running.stop()
