"""A line to a server that breaks where a test says: in what is sent, or before what is answered."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType


class BrokenLine:
    """Passes connections on to a local port; `sent` and `answered` limit each of them in bytes."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.sent: int | None = None
        self.answered: int | None = None
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            near.close()
            return
        ways = ((near, far, self.sent), (far, near, self.answered))
        for source, target, limit in ways:
            threading.Thread(target=_pass, args=(source, target, limit), daemon=True).start()

    def __enter__(self) -> BrokenLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()


def _pass(source: socket.socket, target: socket.socket, limit: int | None) -> None:
    left = limit
    with contextlib.suppress(OSError):
        while left is None or left > 0:
            data = source.recv(65_536 if left is None else min(left, 65_536))
            if not data:
                break
            if left is not None:
                left -= len(data)
            target.sendall(data)
    if left == 0:
        # Both ends, at once: a broken line and not an ended answer.
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
    else:
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
