"""The front door for programs: `Client`, and `AsyncClient` with the same methods.

    with Client("https://node.example", signer=signer, sender=me, payer=clinic) as client:
        outcome = client.consent.grant(grant=fresh_id(), terms=terms, starts=now, ends=later)
        receipt = client.receipt(outcome.hash)
        client.verify(receipt, trust)

What is sent is sent as the same bytes until a block holds it, the law refuses it or it expires, so
a broken connection makes neither two records nor none. Times are ms since 1970. What can go wrong
is drawn as a tree in `sdk/errors.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, BinaryIO, TypeVar, Unpack

import httpx

from yilian.ledger.module import Message
from yilian.sdk.capabilities import Capabilities
from yilian.sdk.capabilities_async import AsyncCapabilities
from yilian.sdk.errors import AnswerError, UnreachableError
from yilian.sdk.signers import Signer
from yilian.sdk.steps import (
    Answer,
    Base,
    Call,
    Common,
    Follow,
    Happened,
    Outcome,
    Page,
    Record,
    Status,
    Steps,
    check,
)
from yilian.sdk.transport import MAX_ANSWER, timeouts

T = TypeVar("T")
_UNREAD = (httpx.TransportError, httpx.DecodingError)


class Client(Base, Capabilities):
    """A node as plain code sees it; one client may be shared by threads."""

    def __init__(
        self,
        base_url: str = "http://in-process",
        *,
        transport: httpx.BaseTransport | None = None,
        signer: Signer | None = None,
        sender: str | None = None,
        payer: str | None = None,
        chain: str | None = None,
        language: str = "en",
        patience: float | None = None,
    ) -> None:
        """Set up a client; nothing is asked of the node yet.

        `sender` acts and `signer` holds its key; `payer` is the organisation that answers for it
        (the sender itself if None). `patience` is for how many seconds calls are tried again: if
        None, until the transaction expires, and 5 seconds for reads.
        """
        Base.__init__(
            self,
            base_url,
            signer=signer,
            sender=sender,
            payer=payer,
            chain=chain,
            language=language,
            patience=patience,
        )
        Capabilities.__init__(self, self)
        headers = {"Accept-Language": language, "User-Agent": "yilian-sdk"}
        self._http = httpx.Client(
            base_url=base_url, transport=transport, timeout=timeouts(), headers=headers
        )

    # -- writing -------------------------------------------------------------------------------

    def submit(self, raw: bytes, *, wait: bool = True) -> Outcome:
        """Hand in exact transaction bytes; the same bytes again give the same answer.

        Raises RefusedError, UnavailableError, UnreachableError, or PendingError where the
        transaction expired without a block. With `wait=False` the outcome may be pending.
        """
        return self._run(self._submit(raw, wait))

    def send(
        self, messages: Sequence[Message], *, wait: bool = True, **common: Unpack[Common]
    ) -> Outcome:
        """Draft, sign and submit messages about one matter: all of them happen, or none."""
        return self._run(self._send(messages, wait, common))

    def request(
        self, method: str, path: str, body: Any = None, *, media_type: str = "application/json"
    ) -> Any:
        """Make a signed request to a private route; gives its JSON, or None where it has none.

        `path` is with its query; a body of bytes goes as it is, any other as canonical JSON.
        """
        return self._run(self._request(method, path, body, media_type))

    def exchange(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a signed request and give the answer as it came, for routes whose headers matter.

        As `request`, and nothing is raised for a refusal: `steps.check` raises what it means.
        """
        return self._run(self._exchange(method, path, body, media_type, headers))

    def download(self, path: str, sink: BinaryIO, *, media_type: str) -> int:
        """Make a signed request for a file and write it to `sink` as it comes; gives its size.

        `path` is with its query. A connection that breaks raises UnreachableError, and what was
        written by then is not the file.
        """
        call = self._run(self._signed("GET", path, None, media_type))
        headers = {**call.headers, "Accept": f"{media_type}, application/problem+json"}
        size = 0
        try:
            with self._http.stream("GET", path, headers=headers) as response:
                if response.status_code != 200:
                    body = response.read()
                    check(Answer(response.status_code, response.headers, body))
                for piece in response.iter_bytes():
                    size += sink.write(piece)
        except _UNREAD as error:
            raise UnreachableError(self.base_url, type(error).__name__) from error
        return size

    # -- reading -------------------------------------------------------------------------------

    def status(self) -> Status:
        """Tell how the node stands."""
        return self._run(self._status())

    def genesis(self) -> dict[str, Any]:
        """Fetch what the chain started from."""
        return self._run(self._object("/v1/genesis"))

    def trust(self) -> dict[str, Any]:
        """Fetch the node's own trust file; verify against one that came another way."""
        return self._run(self._object("/v1/trust"))

    def block(self, height: int | None = None) -> dict[str, Any]:
        """Fetch a block (the newest if None) with its header and commit as CometBFT's RPC."""
        return self._run(self._object(f"/v1/blocks/{'latest' if height is None else height}"))

    def blocks(self, *, before: int | None = None, limit: int | None = None) -> dict[str, Any]:
        """Fetch a page of blocks, newest first, below a height."""
        return self._run(self._object("/v1/blocks", {"before": before, "limit": limit}))

    def transaction(self, name: str) -> Outcome:
        """Look up what became of a transaction; raises RefusedError where a block refused it."""
        return self._run(self._transaction(name))

    def receipt(self, name: str) -> dict[str, Any]:
        """Fetch the receipt of a committed transaction, waiting for the block that closes it."""
        return self._run(self._receipt(name))

    def state_proof(self, key: str, *, height: int | None = None) -> dict[str, Any]:
        """Fetch the proof of what a state key held after a height, or that it held nothing."""
        return self._run(self._object("/v1/state", {"key": key, "height": height}))

    def scan(self, code: str) -> dict[str, Any]:
        """Tell whether a pack is real by the code on it, as anybody may ask without login."""
        return self._run(self._object("/v1/supply/scan", {"code": code}))

    def get(self, capability: str, table: str, name: str, *, proof: bool = False) -> Record:
        """Read a record of committed state, such as ("consent", "grants", id)."""
        return self._run(self._record(capability, table, name, proof))

    def page(
        self,
        capability: str,
        table: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        **filters: str | int,
    ) -> Page:
        """Read one page of a table of the chain index, newest first."""
        query = {**filters, "limit": limit, "cursor": cursor}
        return self._run(self._page(f"/v1/{capability}/{table}", query))

    def list(
        self, capability: str, table: str, *, limit: int | None = None, **filters: str | int
    ) -> Iterator[dict[str, Any]]:
        """Go through a table of the chain index, newest first; `limit` is per page."""
        cursor = None
        while True:
            page = self.page(capability, table, limit=limit, cursor=cursor, **filters)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def events(
        self, *, capability: str | None = None, about: str | None = None, after: str | None = None
    ) -> Iterator[Happened]:
        """Follow the chain's events from behind the place `after` (the start if None), for ever.

        `about` is an id: only events that name it. The stream is opened when the first event is
        asked for (`after="latest"` means that moment). A broken one is taken up again behind the
        last event; raises UnreachableError when that fails for longer than the client's patience
        (a minute if None).
        """
        follow = Follow(self.patience, capability, about, after)
        while True:
            reason = "the stream ended"
            try:
                with self._http.stream("GET", follow.path, headers=follow.headers()) as response:
                    if response.status_code in (502, 503, 504):
                        reason = f"HTTP {response.status_code}"
                    else:
                        self._require_stream(response)
                        for piece in response.iter_bytes():
                            yield from follow.feed(piece)
            except _UNREAD as error:
                reason = type(error).__name__
            time.sleep(follow.lost(self.base_url, reason))

    # -- waiting -------------------------------------------------------------------------------

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, steps: Steps[T]) -> T:
        try:
            call = next(steps)
            while True:
                try:
                    answer = self._perform(call)
                except UnreachableError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(answer)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def _perform(self, call: Call) -> Answer:
        time.sleep(call.after)
        try:
            with self._http.stream(
                call.method, call.path, headers=call.headers, content=call.body
            ) as response:
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER:
                        raise AnswerError(response.status_code, "larger than any answer")
        except _UNREAD as error:
            raise UnreachableError(self.base_url, type(error).__name__) from error
        return Answer(response.status_code, response.headers, body)

    @staticmethod
    def _require_stream(response: httpx.Response) -> None:
        if response.status_code != 200:
            check(Answer(response.status_code, response.headers, response.read()))
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise AnswerError(response.status_code, "not an event stream")


class AsyncClient(Base, AsyncCapabilities):
    """A node as a coroutine sees it: the methods of `Client`, awaited."""

    def __init__(
        self,
        base_url: str = "http://in-process",
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        signer: Signer | None = None,
        sender: str | None = None,
        payer: str | None = None,
        chain: str | None = None,
        language: str = "en",
        patience: float | None = None,
    ) -> None:
        """Set up a client; nothing is asked of the node yet.

        `sender` acts and `signer` holds its key; `payer` is the organisation that answers for it
        (the sender itself if None). `patience` is for how many seconds calls are tried again: if
        None, until the transaction expires, and 5 seconds for reads.
        """
        Base.__init__(
            self,
            base_url,
            signer=signer,
            sender=sender,
            payer=payer,
            chain=chain,
            language=language,
            patience=patience,
        )
        AsyncCapabilities.__init__(self, self)
        headers = {"Accept-Language": language, "User-Agent": "yilian-sdk"}
        self._http = httpx.AsyncClient(
            base_url=base_url, transport=transport, timeout=timeouts(), headers=headers
        )

    # -- writing -------------------------------------------------------------------------------

    async def submit(self, raw: bytes, *, wait: bool = True) -> Outcome:
        """Hand in exact transaction bytes; the same bytes again give the same answer.

        Raises RefusedError, UnavailableError, UnreachableError, or PendingError where the
        transaction expired without a block. With `wait=False` the outcome may be pending.
        """
        return await self._run(self._submit(raw, wait))

    async def send(
        self, messages: Sequence[Message], *, wait: bool = True, **common: Unpack[Common]
    ) -> Outcome:
        """Draft, sign and submit messages about one matter: all of them happen, or none."""
        return await self._run(self._send(messages, wait, common))

    async def request(
        self, method: str, path: str, body: Any = None, *, media_type: str = "application/json"
    ) -> Any:
        """Make a signed request to a private route; gives its JSON, or None where it has none.

        `path` is with its query; a body of bytes goes as it is, any other as canonical JSON.
        """
        return await self._run(self._request(method, path, body, media_type))

    async def exchange(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a signed request and give the answer as it came, for routes whose headers matter.

        As `request`, and nothing is raised for a refusal: `steps.check` raises what it means.
        """
        return await self._run(self._exchange(method, path, body, media_type, headers))

    async def download(self, path: str, sink: BinaryIO, *, media_type: str) -> int:
        """Make a signed request for a file and write it to `sink` as it comes; gives its size.

        `path` is with its query. A connection that breaks raises UnreachableError, and what was
        written by then is not the file.
        """
        call = await self._run(self._signed("GET", path, None, media_type))
        headers = {**call.headers, "Accept": f"{media_type}, application/problem+json"}
        size = 0
        try:
            async with self._http.stream("GET", path, headers=headers) as response:
                if response.status_code != 200:
                    body = await response.aread()
                    check(Answer(response.status_code, response.headers, body))
                async for piece in response.aiter_bytes():
                    size += sink.write(piece)
        except _UNREAD as error:
            raise UnreachableError(self.base_url, type(error).__name__) from error
        return size

    # -- reading -------------------------------------------------------------------------------

    async def status(self) -> Status:
        """Tell how the node stands."""
        return await self._run(self._status())

    async def genesis(self) -> dict[str, Any]:
        """Fetch what the chain started from."""
        return await self._run(self._object("/v1/genesis"))

    async def trust(self) -> dict[str, Any]:
        """Fetch the node's own trust file; verify against one that came another way."""
        return await self._run(self._object("/v1/trust"))

    async def block(self, height: int | None = None) -> dict[str, Any]:
        """Fetch a block (the newest if None) with its header and commit as CometBFT's RPC."""
        return await self._run(self._object(f"/v1/blocks/{'latest' if height is None else height}"))

    async def blocks(
        self, *, before: int | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """Fetch a page of blocks, newest first, below a height."""
        return await self._run(self._object("/v1/blocks", {"before": before, "limit": limit}))

    async def transaction(self, name: str) -> Outcome:
        """Look up what became of a transaction; raises RefusedError where a block refused it."""
        return await self._run(self._transaction(name))

    async def receipt(self, name: str) -> dict[str, Any]:
        """Fetch the receipt of a committed transaction, waiting for the block that closes it."""
        return await self._run(self._receipt(name))

    async def state_proof(self, key: str, *, height: int | None = None) -> dict[str, Any]:
        """Fetch the proof of what a state key held after a height, or that it held nothing."""
        return await self._run(self._object("/v1/state", {"key": key, "height": height}))

    async def scan(self, code: str) -> dict[str, Any]:
        """Tell whether a pack is real by the code on it, as anybody may ask without login."""
        return await self._run(self._object("/v1/supply/scan", {"code": code}))

    async def get(self, capability: str, table: str, name: str, *, proof: bool = False) -> Record:
        """Read a record of committed state, such as ("consent", "grants", id)."""
        return await self._run(self._record(capability, table, name, proof))

    async def page(
        self,
        capability: str,
        table: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        **filters: str | int,
    ) -> Page:
        """Read one page of a table of the chain index, newest first."""
        query = {**filters, "limit": limit, "cursor": cursor}
        return await self._run(self._page(f"/v1/{capability}/{table}", query))

    async def list(
        self, capability: str, table: str, *, limit: int | None = None, **filters: str | int
    ) -> AsyncIterator[dict[str, Any]]:
        """Go through a table of the chain index, newest first; `limit` is per page."""
        cursor = None
        while True:
            page = await self.page(capability, table, limit=limit, cursor=cursor, **filters)
            for item in page.items:
                yield item
            cursor = page.next
            if cursor is None:
                return

    async def events(
        self, *, capability: str | None = None, about: str | None = None, after: str | None = None
    ) -> AsyncIterator[Happened]:
        """Follow the chain's events from behind the place `after` (the start if None), for ever.

        `about` is an id: only events that name it. The stream is opened when the first event is
        asked for (`after="latest"` means that moment). A broken one is taken up again behind the
        last event; raises UnreachableError when that fails for longer than the client's patience
        (a minute if None).
        """
        follow = Follow(self.patience, capability, about, after)
        while True:
            reason = "the stream ended"
            try:
                async with self._http.stream(
                    "GET", follow.path, headers=follow.headers()
                ) as response:
                    if response.status_code in (502, 503, 504):
                        reason = f"HTTP {response.status_code}"
                    else:
                        await self._require_stream(response)
                        async for piece in response.aiter_bytes():
                            for happened in follow.feed(piece):
                                yield happened
            except _UNREAD as error:
                reason = type(error).__name__
            await asyncio.sleep(follow.lost(self.base_url, reason))

    # -- waiting -------------------------------------------------------------------------------

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, steps: Steps[T]) -> T:
        try:
            call = next(steps)
            while True:
                try:
                    answer = await self._perform(call)
                except UnreachableError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(answer)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    async def _perform(self, call: Call) -> Answer:
        await asyncio.sleep(call.after)
        try:
            async with self._http.stream(
                call.method, call.path, headers=call.headers, content=call.body
            ) as response:
                body = b""
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER:
                        raise AnswerError(response.status_code, "larger than any answer")
        except _UNREAD as error:
            raise UnreachableError(self.base_url, type(error).__name__) from error
        return Answer(response.status_code, response.headers, body)

    @staticmethod
    async def _require_stream(response: httpx.Response) -> None:
        if response.status_code != 200:
            check(Answer(response.status_code, response.headers, await response.aread()))
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise AnswerError(response.status_code, "not an event stream")
