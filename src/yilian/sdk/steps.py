"""What a client says to a node and how it reads the answers, apart from how it waits.

Each procedure is a generator: it yields a `Call` and is sent the `Answer`, or is thrown
`UnreachableError`. `Client` and `AsyncClient` drive the same procedures and differ only in waiting.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from yilian.ledger import codec, keys, signed_request, transaction
from yilian.ledger.module import Message
from yilian.ledger.signed_request import SignedRequest
from yilian.sdk import drafts, verify
from yilian.sdk.errors import (
    AnswerError,
    PendingError,
    ProblemError,
    RefusedError,
    UnavailableError,
    UnreachableError,
)
from yilian.sdk.signers import Signer

T = TypeVar("T")

WAIT_SECONDS = 10
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
REQUEST_SECONDS = 30
_AGAIN = (502, 503, 504)


class Call(NamedTuple):
    """One HTTP request, made `after` so many seconds."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    after: float = 0.0


class Answer(NamedTuple):
    """One HTTP answer, read whole; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Steps = Generator[Call, Answer, T]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a transaction: in a block, or (asked not to wait) still pending."""

    hash: str
    status: Literal["committed", "pending"]
    height: int | None = None
    index: int | None = None
    time: int | None = None
    code: int = 0
    parameters: dict[str, int | str] = {}
    events: list[dict[str, Any]] = []


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a node stands; `time` in ms, `app_hash` in hex."""

    chain: str
    engine: str
    height: int
    time: int
    app_hash: str
    pending: int
    index_height: int
    version: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record of committed state as of `height`; `proof` is a state proof of that very value."""

    id: str
    value: dict[str, Any]
    height: int
    proof: dict[str, Any] | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a list, newest first; `next` is the cursor of what follows, or None."""

    items: list[dict[str, Any]]
    next: str | None = None


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the chain and its place; a timer's event has no transaction."""

    place: str
    type: str
    height: int
    time: int
    transaction: str | None
    event: dict[str, Any]


class Common(TypedDict, total=False):
    """What every message may say of its transaction instead of the client's own settings."""

    sender: str
    payer: str
    on_behalf_of: str
    signers: Sequence[Signer]
    expires_in: float
    nonce: str


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    number: int = 0
    title: str = ""
    detail: str = ""
    next: str = ""
    parameters: dict[str, int | str] = {}
    hash: str | None = None
    height: int | None = None


class Base:
    """A client's settings and procedures; `Client` and `AsyncClient` say how it waits."""

    def __init__(
        self,
        base_url: str,
        *,
        signer: Signer | None = None,
        sender: str | None = None,
        payer: str | None = None,
        chain: str | None = None,
        language: str = "en",
        patience: float | None = None,
    ) -> None:
        self.base_url = base_url
        self.signer = signer
        self.sender = sender
        self.payer = payer
        self.language = language
        self.patience = patience
        self._chain = chain

    # -- writing -------------------------------------------------------------------------------

    def _submit(self, raw: bytes, wait: bool) -> Steps[Outcome]:
        """Hand in the same bytes until a block holds them, the law refuses, or they expire."""
        envelope = transaction.decode(raw)
        expires = envelope.body.expires / 1000
        headers = {"Content-Type": "application/json"}
        if wait:
            headers["Prefer"] = f"wait={WAIT_SECONDS}"
        call = Call("POST", "/v1/transactions", headers, raw)
        while True:
            answer = yield from self._patiently(call, expires)
            outcome = _read(answer, Outcome)
            if outcome.status == "committed" or not wait:
                return outcome
            if time.time() >= expires:
                return (yield from self._last_look(envelope.hash.hex()))
            call = call._replace(after=FIRST_PAUSE)

    def _last_look(self, name: str) -> Steps[Outcome]:
        try:
            outcome = yield from self._transaction(name)
        except RefusedError as problem:
            if problem.status != 404:
                raise
            raise PendingError(name) from None
        if outcome.status == "pending":
            raise PendingError(name)
        return outcome

    def _send(self, messages: Sequence[Message], wait: bool, common: Common) -> Steps[Outcome]:
        """Draft, sign and submit messages under the client's settings, or those of `common`."""
        signers = common.get("signers") or ([self.signer] if self.signer is not None else [])
        sender = common.get("sender") or self.sender
        if sender is None or not signers:
            raise ValueError("a client that sends needs a signer and a sender")
        body = drafts.draft(
            (yield from self._chain_id()),
            sender,
            common.get("payer") or self.payer or sender,
            messages,
            signers,
            expires_in=common.get("expires_in", drafts.EXPIRES_IN),
            on_behalf_of=common.get("on_behalf_of"),
            nonce=common.get("nonce"),
        )
        return (yield from self._submit(drafts.sign(body, signers), wait))

    # -- reading -------------------------------------------------------------------------------

    def _status(self) -> Steps[Status]:
        return _read((yield from self._get("/v1/status")), Status)

    def _chain_id(self) -> Steps[str]:
        if self._chain is None:
            self._chain = (yield from self._status()).chain
        return self._chain

    def _transaction(self, name: str) -> Steps[Outcome]:
        return _read((yield from self._get(_path("v1", "transactions", name))), Outcome)

    def _receipt(self, name: str) -> Steps[dict[str, Any]]:
        """Fetch a receipt; asks again while the block that closes it is to come."""
        call = Call("GET", _path("v1", "transactions", name, "receipt"), self._accept())
        until = self._until(None)
        while True:
            answer = yield from self._patiently(call, None)
            if answer.status != 409 or time.time() + FIRST_PAUSE > until:
                return _read(answer, dict[str, Any])
            call = call._replace(after=FIRST_PAUSE)

    def _object(self, path: str, query: Mapping[str, Any] | None = None) -> Steps[dict[str, Any]]:
        return _read((yield from self._get(path, query)), dict[str, Any])

    def _record(self, capability: str, table: str, name: str, proof: bool) -> Steps[Record]:
        query = {"proof": "true"} if proof else {}
        path = _path("v1", capability, table, name)
        return _read((yield from self._get(path, query)), Record)

    def _page(self, path: str, query: Mapping[str, Any]) -> Steps[Page]:
        return _read((yield from self._get(path, query)), Page)

    def _request(self, method: str, path: str, body: Any, media_type: str) -> Steps[Any]:
        """Make a signed request once: a second try would need another nonce."""
        answer = yield (yield from self._signed(method, path, body, media_type))
        if 200 <= answer.status < 300 and not answer.body:
            return None
        return _read(answer, Any)

    def _exchange(
        self,
        method: str,
        path: str,
        body: Any,
        media_type: str,
        headers: Mapping[str, str] | None,
    ) -> Steps[Answer]:
        """Make a signed request once and give the whole answer, whatever its status."""
        call = yield from self._signed(method, path, body, media_type)
        return (yield call._replace(headers={**call.headers, **(headers or {})}))

    def _signed(self, method: str, path: str, body: Any, media_type: str) -> Steps[Call]:
        """Make the call of a signed request, to be made once."""
        if self.signer is None or self.sender is None:
            raise ValueError("a signed request needs a signer and a sender")
        content = b"" if body is None else body if isinstance(body, bytes) else codec.encode(body)
        signed = SignedRequest(
            chain=(yield from self._chain_id()),
            sender=self.sender,
            key=self.signer.key_id,
            method=method,
            path=path,
            body=codec.to_text(keys.sha256(content)),
            nonce=drafts.fresh_id(),
            expires=time.time_ns() // 1_000_000 + REQUEST_SECONDS * 1000,
        )
        signature = self.signer.sign(signed_request.text(signed))
        headers = {
            **self._accept(),
            "Yilian-Request": signed_request.header(signed, signature),
        }
        if body is not None:
            headers["Content-Type"] = media_type
        return Call(method, path, headers, content if body is not None else None)

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Steps[Answer]:
        where = path + _query(query or {})
        return (yield from self._patiently(Call("GET", where, self._accept()), None))

    def _accept(self) -> dict[str, str]:
        return {"Accept": "application/json"}

    def _until(self, expires: float | None) -> float:
        """Give the time after which no more tries are made: patience, and never after expiry."""
        patience = self.patience
        if expires is None:
            return time.time() + (LONGEST_PAUSE if patience is None else patience)
        return expires if patience is None else min(expires, time.time() + patience)

    def _patiently(self, call: Call, expires: float | None) -> Steps[Answer]:
        """Make an idempotent call again, ever more slowly, while nobody can answer it."""
        until = self._until(expires)
        pause = FIRST_PAUSE
        while True:
            try:
                answer = yield call
            except UnreachableError:
                if time.time() + pause > until:
                    raise
            else:
                if answer.status not in _AGAIN or time.time() + pause > until:
                    return answer
            # Half of the pause is drawn, so that many clients do not come back at one moment.
            call = call._replace(after=pause * (1 + random.random()) / 2)
            pause = min(2 * pause, LONGEST_PAUSE)

    @staticmethod
    def verify(receipt: Any, trust: Any) -> verify.Verified:
        """Check a receipt or state proof offline against a trust file that YOU trust.

        Takes texts or objects. Raises `verify.NotVerified`.
        """
        return verify.verify(_text(receipt), _text(trust))


class Follow:
    """The sans-I/O half of the event stream: where it stands, and whether to go on."""

    def __init__(
        self, patience: float | None, capability: str | None, about: str | None, after: str | None
    ) -> None:
        query = {"capability": capability, "id": about, "after": after}
        self.path = "/v1/events" + _query(query)
        self._patience = LONGEST_PAUSE * 12 if patience is None else patience
        self._place = after
        self._silent_since = time.time()
        self._pause = FIRST_PAUSE
        self._rest = b""
        self._fields: dict[str, str] = {}

    def headers(self) -> dict[str, str]:
        """Ask for the stream, from behind the last event that was handed on."""
        self._rest, self._fields = b"", {}
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._place is not None:
            headers["Last-Event-ID"] = self._place
        return headers

    def lost(self, url: str, reason: str) -> float:
        """Say how long to wait before going on; raises UnreachableError once that is hopeless."""
        if time.time() + self._pause > self._silent_since + self._patience:
            raise UnreachableError(url, reason)
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return pause

    def feed(self, piece: bytes) -> list[Happened]:
        """Take bytes of the stream (WHATWG HTML, section 9.2) and give the events they complete.

        Raises AnswerError for an event that is not of the contract or is over 1 MiB.
        """
        self._silent_since, self._pause = time.time(), FIRST_PAUSE
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > 2**20:
            raise AnswerError(200, "an event without end")
        found = []
        for line in lines:
            happened = self._line(line.rstrip(b"\r"))
            if happened is not None:
                self._place = happened.place
                found.append(happened)
        return found

    def _line(self, line: bytes) -> Happened | None:
        if line:
            name, _, value = line.partition(b":")
            if name:
                self._fields[name.decode("utf-8", "replace")] = value.removeprefix(b" ").decode(
                    "utf-8", "replace"
                )
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        try:
            data = msgspec.json.decode(fields["data"])
            return msgspec.convert(
                {**data, "place": fields["id"], "type": fields["event"]}, Happened
            )
        except (msgspec.MsgspecError, KeyError, TypeError):
            raise AnswerError(200, "an event that is not of the contract") from None


def check(answer: Answer) -> None:
    """Raise what an answer other than 2xx means."""
    if 200 <= answer.status < 300:
        return
    try:
        problem = msgspec.json.decode(answer.body, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if answer.status in _AGAIN:
            raise UnavailableError(status=answer.status, code="unavailable") from None
        raise AnswerError(answer.status, "not a problem document") from None
    kind: type[ProblemError] = UnavailableError if answer.status in _AGAIN else RefusedError
    raise kind(
        status=answer.status,
        code=problem.code,
        number=problem.number,
        title=problem.title,
        detail=problem.detail,
        next_step=problem.next,
        parameters=problem.parameters,
        transaction=problem.hash,
        height=problem.height,
    )


def _read(answer: Answer, type_: type[T]) -> T:
    check(answer)
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise AnswerError(answer.status, "not of the contract") from None


def _path(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _query(query: Mapping[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return "?" + urlencode(given) if given else ""


def _text(value: Any) -> str | bytes:
    if isinstance(value, (str, bytes)):
        return value
    return json.dumps(value, ensure_ascii=False)
