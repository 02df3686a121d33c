"""Between answers the socket is emptied: an engine whose write waits burns a core on its timers."""

from __future__ import annotations

import contextlib
import socket

from yilian.node.abci.wire import AT_ONCE, HELD, Frames, frame


def test_few_are_given_at_once_and_more_is_taken_meanwhile() -> None:
    ours, theirs = socket.socketpair()
    messages = [b"%05d" % number + b"x" * 455 for number in range(300)]
    part = b"".join(map(frame, messages))
    with ours, theirs:
        # Whatever the socket holds, five times as much does not fit unless it is taken off.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, len(part))
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(part))
        theirs.settimeout(10)
        frames, found = Frames(ours), list[bytes]()
        for _ in range(5):
            theirs.sendall(part)
            given = frames.read()
            assert len(given) == AT_ONCE
            found += given
        while len(found) < 5 * len(messages):
            found += frames.read()
        assert found == messages * 5


def test_what_is_held_is_bounded() -> None:
    ours, theirs = socket.socketpair()
    message = frame(b"z" * 100_000)
    with ours, theirs:
        theirs.setblocking(False)
        frames, sent, given = Frames(ours), 0, 0
        theirs.sendall(frame(b"") * 20_000)
        # Small ones are given out slowly, so that all that comes after them has to wait here.
        while len(frames.read()) == AT_ONCE and given < 250:
            given += 1
            sent += _fill(theirs, message)
        assert sent < HELD + (4 << 20)


def _fill(end: socket.socket, data: bytes) -> int:
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += end.send(data)
    return sent
