"""Frames of the ABCI socket: cut anywhere, too long, and no frames at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.consensus import encoding
from tests.foreign.abci import golden
from yilian.node.abci.wire import MAX_MESSAGE, ConnectionLost, Frames, frame


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def framed(message: bytes) -> bytes:
    return encoding.varint(len(message)) + message


def read(frames: Frames, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        found += frames.read()
    return found


MESSAGES = [b"", b"a", b"x" * 127, b"y" * 128, b"", b"z" * 300]


def test_a_frame_is_a_length_and_the_message() -> None:
    for each in MESSAGES:
        assert frame(each) == framed(each)
    for name, text in golden()["requests"].items():
        data = bytes.fromhex(text)
        size = data[0] if data[0] < 128 else data[0] & 127 | data[1] << 7
        assert frame(data[len(encoding.varint(size)) :]) == data, name


@pytest.mark.parametrize("cut", range(0, sum(map(len, map(framed, MESSAGES))) + 1, 7))
def test_what_is_cut_anywhere_is_put_together(
    pair: tuple[socket.socket, socket.socket], cut: int
) -> None:
    ours, theirs = pair
    data = b"".join(map(framed, MESSAGES))
    frames = Frames(ours)
    later = threading.Thread(target=lambda: theirs.sendall(data[cut:]))
    if cut:
        theirs.sendall(data[:cut])
    later.start()
    assert read(frames, len(MESSAGES)) == MESSAGES
    later.join()


def test_byte_by_byte(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    frames = Frames(ours)
    for message in (b"", b"one", b"t" * 200):
        for at, byte in enumerate(data := framed(message)):
            theirs.sendall(bytes((byte,)))
            if at == len(data) - 1:
                assert frames.read() == [message]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=400), min_size=1, max_size=20), st.data())
def test_any_messages_in_any_pieces(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(framed, messages))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        frames = Frames(ours)
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            theirs.sendall(stream[start:end])
        theirs.shutdown(socket.SHUT_WR)
        assert read(frames, len(messages)) == messages
        with pytest.raises(ConnectionLost):
            frames.read()


@pytest.mark.parametrize(
    "data",
    [
        encoding.varint(MAX_MESSAGE + 1),
        encoding.varint(2**31 - 1),
        encoding.varint(2**35 - 1),
        encoding.varint(-1),
        b"\x80\x80\x80\x80\x80",
        b"\xff" * 12,
    ],
)
def test_a_length_that_cannot_be_ends_the_connection(
    pair: tuple[socket.socket, socket.socket], data: bytes
) -> None:
    ours, theirs = pair
    theirs.sendall(data)
    with pytest.raises(ConnectionLost):
        Frames(ours).read()


def test_a_length_with_idle_bytes_is_read_as_the_engine_reads_it(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(b"\x83\x80\x00abc\x00")
    assert read(Frames(ours), 2) == [b"abc", b""]


@pytest.mark.parametrize("rest", [b"", b"\x80", b"\x05", b"\x05half"])
def test_an_end_in_the_middle_is_a_lost_connection(
    pair: tuple[socket.socket, socket.socket], rest: bytes
) -> None:
    ours, theirs = pair
    theirs.sendall(framed(b"whole") + rest)
    theirs.close()
    frames = Frames(ours)
    assert frames.read() == [b"whole"]
    with pytest.raises(ConnectionLost):
        frames.read()
