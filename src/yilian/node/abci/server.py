"""The application's side of the ABCI socket: a Unix socket on which the engine connects four times.

Each connection has a thread. Requests that arrive together are answered together, in order, and
what is answered is sent at once, so that `Flush` never waits.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from pathlib import Path

from yilian.node.abci.application import Application
from yilian.node.abci.wire import ConnectionLost, Frames, frame
from yilian.node.rpc import listen

log = logging.getLogger("yilian.node")


class Server:
    """Serves one engine; an engine that comes again replaces the one before."""

    def __init__(self, path: Path, application: Application) -> None:
        self._application = application
        self._listening = listen(path)
        self._path = path
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._closed = False
        self._thread = threading.Thread(target=self._accept, name="yilian-abci", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all connections; the engine then stops by itself."""
        with self._lock:
            self._closed = True
            open_now = list(self._open)
        # A thread in `accept` is woken by a shutdown, not by a close.
        for each in (self._listening, *open_now):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                # An engine that died may have left connections whose threads are still at work.
                if all(map(_ended, self._open)):
                    self._application.connected()
                self._open.append(connection)
            threading.Thread(
                target=self._serve, args=(connection,), name="yilian-abci-call", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        frames = Frames(connection)
        try:
            while True:
                answers = self._application.answer_all(frames.read())
                connection.sendall(b"".join(map(frame, answers)))
        except (ConnectionLost, OSError):
            pass
        finally:
            with self._lock:
                self._open.remove(connection)
            connection.close()


def _ended(connection: socket.socket) -> bool:
    """Tell whether the other side of a connection is gone."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))
