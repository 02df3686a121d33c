"""What can go wrong for a client, drawn as a tree:

    YilianError
    ├── UnreachableError       no answer from the node within the client's patience
    ├── AnswerError            an answer that the HTTP contract does not allow
    ├── PendingError           not in a block before the transaction expired
    ├── ProblemError           the node said why not (RFC 9457): code, number, parameters, next
    │   ├── RefusedError       the law or the border refused: asking again will not help
    │   └── UnavailableError   the node stopped or cannot answer now (HTTP 502, 503, 504)
    └── KeyFileError           a key file that is missing, exposed, damaged or not opened

A draft that the law itself calls malformed raises `yilian.ledger.errors.Refusal`, before anything
is sent. A proof that does not hold raises `yilian.sdk.verify.NotVerified`.
"""

from __future__ import annotations


class YilianError(Exception):
    """The root of what a client raises; `code` is stable, the text is for a log."""

    code = "client_error"


class UnreachableError(YilianError):
    """No node answered. The transaction may or may not have arrived: send the SAME bytes again."""

    code = "unreachable"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no answer from {url}: {reason}")
        self.url = url
        self.reason = reason


class AnswerError(YilianError):
    """What answered does not speak the contract (another server, a proxy's page, a newer node)."""

    code = "bad_answer"

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status}: {reason}")
        self.status = status
        self.reason = reason


class PendingError(YilianError):
    """The transaction was accepted into the queue, but no block took it in time."""

    code = "not_in_a_block"

    def __init__(self, transaction: str) -> None:
        super().__init__(f"not in a block in time: {transaction}")
        self.transaction = transaction


class ProblemError(YilianError):
    """A problem document: `code` and `number` are the ledger's own, `next` says what to do."""

    def __init__(
        self,
        *,
        status: int,
        code: str,
        number: int = 0,
        title: str = "",
        detail: str = "",
        next_step: str = "",
        parameters: dict[str, int | str] | None = None,
        transaction: str | None = None,
        height: int | None = None,
    ) -> None:
        super().__init__(f"{code} ({number}, HTTP {status}) {parameters or {}}")
        self.status = status
        self.code = code
        self.number = number
        self.title = title
        self.detail = detail
        self.next = next_step
        self.parameters = parameters or {}
        self.transaction = transaction
        self.height = height


class RefusedError(ProblemError):
    """Asked and refused; where a block refused it, `height` says which."""


class UnavailableError(ProblemError):
    """The node is there but cannot serve: its engine stopped, or it is catching up."""


class KeyFileError(YilianError):
    """A key file that cannot be used; `code` says why, and never what is in it."""

    def __init__(self, code: str, path: object) -> None:
        super().__init__(f"{code}: {path}")
        self.code = code
        self.path = str(path)
