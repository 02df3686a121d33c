"""Calling an application in this process: pieces come as they are sent, and ends are told."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from yilian.sdk.errors import UnreachableError
from yilian.sdk.transport import AsyncInProcess, InProcess


class Recorder:
    """An application that does what its path says, and notes what it was told."""

    def __init__(self, startup: str = "complete") -> None:
        self.startup = startup
        self.told: list[str] = []
        self.scopes: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.go_on = threading.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        self.scopes.append(scope)
        self.bodies.append((await receive())["body"])
        await getattr(self, "on_" + scope["path"].strip("/"))(receive, send)

    async def _live(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if self.startup == "none":
            raise RuntimeError("no lifespan here")
        while True:
            told = (await receive())["type"]
            self.told.append(told)
            if told == "lifespan.startup":
                scope["state"]["made"] = "at startup"
                await send({"type": f"lifespan.startup.{self.startup}"})
                if self.startup == "failed":
                    return
            else:
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def on_plain(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 203, "headers": [(b"x-a", b"1")]})
        await send({"type": "http.response.body", "body": b"plain"})

    async def on_slow(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        while not self.go_on.is_set():
            await asyncio.sleep(0.005)
        await send({"type": "http.response.body", "body": b"two", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def on_endless(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.told.append("cut off")
            raise

    async def on_broken(self, receive: Any, send: Any) -> None:
        raise RuntimeError("a fault of the application")

    async def on_half(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("a fault in the midst")


def test_a_request_arrives_as_it_was_made() -> None:
    app = Recorder()
    with httpx.Client(transport=InProcess(app), base_url="http://node") as client:
        answer = client.post("/plain?a=%20b&c=d", content=b"body", headers={"X-Name": "value"})
    assert (answer.status_code, answer.content, answer.headers["x-a"]) == (203, b"plain", "1")
    scope = app.scopes[0]
    assert (scope["method"], scope["path"], scope["query_string"]) == (
        "POST",
        "/plain",
        b"a=%20b&c=d",
    )
    assert (b"x-name", b"value") in scope["headers"]
    assert scope["state"] == {"made": "at startup"}
    assert app.bodies == [b"body"]
    assert app.told == ["lifespan.startup", "lifespan.shutdown"]


def test_pieces_come_before_the_end() -> None:
    app = Recorder()
    with (
        httpx.Client(transport=InProcess(app), base_url="http://node") as client,
        client.stream("GET", "/slow") as answer,
    ):
        pieces = answer.iter_raw()
        assert next(pieces) == b"one"
        app.go_on.set()
        assert list(pieces) == [b"two"]


def test_pieces_come_before_the_end_asynchronously() -> None:
    async def work() -> list[bytes]:
        app, found = Recorder(), []
        async with (
            httpx.AsyncClient(transport=AsyncInProcess(app), base_url="http://node") as client,
            client.stream("GET", "/slow") as answer,
        ):
            async for piece in answer.aiter_raw():
                found.append(piece)
                app.go_on.set()
        assert app.told == ["lifespan.startup", "lifespan.shutdown"]
        return found

    assert asyncio.run(work()) == [b"one", b"two"]


def test_an_application_is_told_that_its_reader_went() -> None:
    app = Recorder()
    with httpx.Client(transport=InProcess(app), base_url="http://node") as client:
        with client.stream("GET", "/endless") as answer:
            assert next(answer.iter_raw()) == b"x"
        assert app.told == ["lifespan.startup", "cut off"]


def test_a_fault_is_a_broken_connection_and_the_next_call_works() -> None:
    app = Recorder()
    with httpx.Client(transport=InProcess(app), base_url="http://node") as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/broken")
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/half")
        assert client.get("/plain").content == b"plain"


def test_an_application_without_lifespan_is_left_alone() -> None:
    app = Recorder(startup="none")
    with httpx.Client(transport=InProcess(app), base_url="http://node") as client:
        assert client.get("/plain").content == b"plain"


def test_an_application_that_does_not_start_is_not_asked() -> None:
    app = Recorder(startup="failed")
    with (
        httpx.Client(transport=InProcess(app), base_url="http://node") as client,
        pytest.raises(UnreachableError),
    ):
        client.get("/plain")
    assert app.scopes == []


def test_it_starts_once_for_many_threads() -> None:
    app = Recorder()
    with httpx.Client(transport=InProcess(app), base_url="http://node") as client:
        threads = [threading.Thread(target=client.get, args=("/plain",)) for _ in range(16)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert len(app.scopes) == 16
    assert app.told == ["lifespan.startup", "lifespan.shutdown"]


def test_closing_twice_is_fine() -> None:
    transport = InProcess(Recorder())
    transport.close()
    transport.close()
