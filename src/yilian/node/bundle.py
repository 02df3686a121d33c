"""Archive bundles: heights that a node no longer keeps, in one file that still proves them.

`yilian-archive/1` LF, then frames: a letter, a length (4 bytes, big endian), the content.

| letter | content | when |
| --- | --- | --- |
| g | the chain's genesis document | first |
| v | validators: a MessagePack list of (public key, power) | before the first height they sign |
| b, c | block and commit, as CometBFT writes them | each height |
| r | results and events (MessagePack) | each height |
| h, k | header and commit of the height after the last | at the end: they close its receipts |
| z | SHA-256 of all bytes before | last |

The whole is packed with gzip when a node writes it. The hash at the end finds a spoiled file; what
proves the content are links and signatures, and they need only this file and a trust file.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from yilian.ledger import block as blocks
from yilian.ledger import evidence, genesis, proto, receipt
from yilian.ledger.block import Block, BlockId, Commit, Header, Validator, ValidatorSet
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import Genesis
from yilian.ledger.keys import sha256
from yilian.ledger.machine import Result
from yilian.node.archive import Height, read_export
from yilian.node.store import Store, StoreDamaged, read_outcomes

FORMAT = b"yilian-archive/1\n"
MAX_FRAME = 64 << 20

Progress = Callable[[int], None]

_read_set = msgspec.msgpack.Decoder(list[tuple[bytes, int]])


class BundleUnreadable(Exception):
    """The file is no archive, is spoiled, or does not prove what it holds."""


class Held(msgspec.Struct, frozen=True):
    """A height out of an archive: block and commit, also as bytes, results, and who signed."""

    block: Block
    commit: Commit
    results: list[Result]
    validators: ValidatorSet
    encoded: tuple[bytes, bytes]

    @property
    def height(self) -> int:
        """The block's height."""
        return self.block.header.height


class Span(msgspec.Struct, frozen=True):
    """What an archive covers: chain, first and last height, and the hash of the last block."""

    chain: str
    first: int
    last: int
    last_block: bytes


# -- writing ---------------------------------------------------------------------------------------


class _Sink:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)

    def frame(self, letter: bytes, data: bytes) -> None:
        self.write(letter + len(data).to_bytes(4, "big"))
        self.write(data)

    def end(self) -> None:
        self.frame(b"z", self._hash.digest())


def write(
    store: Store,
    first: int,
    last: int,
    file: IO[bytes],
    progress: Progress = lambda height: None,
) -> None:
    """Write heights of a store, whose next one is sealed. Raises StoreDamaged."""
    document = store.genesis()
    if document is None:
        raise StoreDamaged("the folder holds no chain")
    sink = _Sink(file)
    sink.write(FORMAT)
    sink.frame(b"g", document)
    own = genesis.read(document).validator_set()
    known: set[bytes] = set()
    for height in range(first, last + 2):
        block, commit = store.block(height), store.commit(height)
        results = store.outcomes_text(height)
        if block is None or commit is None or results is None:
            raise StoreDamaged(f"block {height} is missing", height)
        _write_validators(sink, store, own, known, block.header)
        if height > last:
            sink.frame(b"h", block.header.encode())
            sink.frame(b"k", commit.encode())
        else:
            sink.frame(b"b", block.encode())
            sink.frame(b"c", commit.encode())
            sink.frame(b"r", results)
            progress(height)
    sink.end()


def _write_validators(
    sink: _Sink, store: Store, own: ValidatorSet, known: set[bytes], header: Header
) -> None:
    name = header.validators_hash
    if name in known:
        return
    found = own if name == own.hash() else store.validators(name)
    if found is None:
        raise StoreDamaged(f"the validators of height {header.height} are missing", header.height)
    pairs = [(each.public_key, each.power) for each in found.validators]
    sink.frame(b"v", msgspec.msgpack.encode(pairs))
    known.add(name)


# -- reading ---------------------------------------------------------------------------------------


def opened(path: Path) -> IO[bytes]:
    """Open an archive, packed (gzip) or not. Raises OSError."""
    file = path.open("rb")
    if file.read(2) == b"\x1f\x8b":
        file.close()
        return cast("IO[bytes]", gzip.open(path, "rb"))
    file.seek(0)
    return file


class Bundle:
    """An archive that is read from its start to its end, every link and signature checked."""

    def __init__(self, file: IO[bytes]) -> None:
        """Read the beginning. Raises BundleUnreadable."""
        self._file = file
        self._hash = hashlib.sha256()
        self._sets: dict[bytes, ValidatorSet] = {}
        self._last: Held | None = None
        self.closing: tuple[Header, Commit, ValidatorSet] | None = None
        if self._take(len(FORMAT)) != FORMAT:
            raise BundleUnreadable("not an archive of a chain (yilian-archive/1)")
        letter, document = self._frame()
        try:
            if letter != b"g":
                raise BundleUnreadable("the genesis is missing")
            self.genesis: Genesis = genesis.read(document)
        except Refusal:
            raise BundleUnreadable("the genesis cannot be read") from None

    def heights(self) -> Iterator[Held]:
        """Give the heights one by one; after the last one `closing` is set.

        Raises BundleUnreadable at the first that is not linked, signed or closed by the next.
        """
        try:
            yield from self._heights()
        except (Refusal, msgspec.MsgspecError, IndexError, ValueError) as error:
            raise BundleUnreadable(f"{self._place()} cannot be read") from error

    def find(self, transaction_hash: bytes) -> tuple[int, Held] | None:
        """Pass over heights up to the one that has a transaction; gives its index and the height.

        What is passed over is not checked. `heights` goes on from there.
        """
        try:
            return self._find(transaction_hash)
        except (Refusal, msgspec.MsgspecError, IndexError, ValueError) as error:
            raise BundleUnreadable(f"{self._place()} cannot be read") from error

    def _find(self, transaction_hash: bytes) -> tuple[int, Held] | None:
        while True:
            letter, data = self._frame()
            if letter == b"v":
                self._keep_set(data)
            elif letter == b"b":
                txs = proto.Fields(proto.Fields(data).chunk(2)).every(1)
                for index, raw in enumerate(txs):
                    if sha256(raw) == transaction_hash:
                        return index, self._height(data)
            elif letter not in b"cr":
                return None

    def _keep_set(self, data: bytes) -> None:
        found = ValidatorSet(Validator(*each) for each in _read_set.decode(data))
        self._sets[found.hash()] = found

    def _heights(self) -> Iterator[Held]:
        while True:
            letter, data = self._frame()
            if letter == b"v":
                self._keep_set(data)
            elif letter == b"b":
                yield self._height(data)
            elif letter == b"h":
                self._close(data)
                return
            else:
                raise BundleUnreadable(f"{self._place()}: the file is out of order")

    def _height(self, data: bytes) -> Held:
        block, signed, text = Block.decode(data), self._expect(b"c"), self._expect(b"r")
        commit, results = Commit.decode(signed), read_outcomes(text).results
        held = Held(block, commit, results, self._signers(block.header), (data, signed))
        header = block.header
        block_id = BlockId(header.hash(), blocks.part_set_header(data))
        bare = [evidence.bare(each) for each in block.evidence]
        self._require_signed(header, commit)
        if (
            commit.block_id != block_id
            or header.data_hash != blocks.data_hash(block.txs)
            or header.evidence_hash != blocks.evidence_hash(bare)
            or len(results) != len(block.txs)
        ):
            raise BundleUnreadable(f"block {header.height} is not what its validators signed")
        self._require_linked(header)
        self._last = held
        return held

    def _close(self, data: bytes) -> None:
        header, commit = Header.decode(data), Commit.decode(self._expect(b"k"))
        if self._last is None:
            raise BundleUnreadable("the archive holds no heights")
        self._require_signed(header, commit)
        self._require_linked(header)
        self.closing = header, commit, self._signers(header)
        digest = self._hash.digest()
        if self._expect(b"z") != digest or self._take(1):
            raise BundleUnreadable("the file is spoiled: its hash is not that at its end")

    def _require_signed(self, header: Header, commit: Commit) -> None:
        validators = self._signers(header)
        if (
            header.chain_id != self.genesis.chain
            or commit.height != header.height
            or commit.block_id.hash != header.hash()
            or validators.signed_power(header.chain_id, commit) * 3 <= validators.total_power * 2
        ):
            raise BundleUnreadable(f"block {header.height} is not signed by its validators")

    def _require_linked(self, header: Header) -> None:
        """Refuse a header that does not bind the block and results before it."""
        if self._last is None:
            first = self.genesis.first_height()
            if header.height < first or (header.height == first) != (
                header.last_block_id == BlockId()
            ):
                raise BundleUnreadable(f"block {header.height} cannot begin an archive")
            return
        before = self._last
        results = [receipt.tx_result(each) for each in before.results]
        if (
            header.height != before.height + 1
            or header.last_block_id != before.commit.block_id
            or header.last_results_hash != blocks.results_hash(results)
            or header.validators_hash != before.block.header.next_validators_hash
        ):
            raise BundleUnreadable(f"block {before.height} is not closed by the next one")

    def _signers(self, header: Header) -> ValidatorSet:
        found = self._sets.get(header.validators_hash)
        if found is None:
            raise BundleUnreadable(f"the validators of height {header.height} are missing")
        return found

    def _expect(self, letter: bytes) -> bytes:
        found, data = self._frame()
        if found != letter:
            raise BundleUnreadable(f"{self._place()}: the file is out of order")
        return data

    def _frame(self) -> tuple[bytes, bytes]:
        head = self._take(5)
        size = int.from_bytes(head[1:], "big")
        if len(head) < 5 or size > MAX_FRAME:
            raise BundleUnreadable(f"{self._place()}: the file ends in the middle")
        data = self._take(size)
        if len(data) < size:
            raise BundleUnreadable(f"{self._place()}: the file ends in the middle")
        return head[:1], data

    def _take(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except (OSError, EOFError, zlib.error):
            raise BundleUnreadable(f"{self._place()}: the file cannot be read") from None
        self._hash.update(data)
        return data

    def _place(self) -> str:
        return "the beginning" if self._last is None else f"what follows block {self._last.height}"


def check(file: IO[bytes], progress: Progress = lambda height: None) -> Span:
    """Check a whole archive with nothing else at hand. Raises BundleUnreadable."""
    bundle = Bundle(file)
    first: int | None = None
    last = 0
    block_hash = b""
    for held in bundle.heights():
        first = held.height if first is None else first
        last, block_hash = held.height, held.commit.block_id.hash
        progress(last)
    if first is None:
        raise BundleUnreadable("the archive holds no heights")
    return Span(bundle.genesis.chain, first, last, block_hash)


def make_receipt(file: IO[bytes], transaction_hash: bytes) -> dict[str, Any] | None:
    """Make the receipt of an archived transaction; None where the archive has it not.

    It is the receipt that a node gave, and it is checked as that one is. Only the two heights that
    it is made of are checked here. Raises BundleUnreadable.
    """
    bundle = Bundle(file)
    found = bundle.find(transaction_hash)
    if found is None:
        return None
    index, held = found
    for after in bundle.heights():
        by = after.block.header, after.commit, after.validators
        return receipt.receipt(index, held.block, held.results, *by)
    if bundle.closing is None:
        raise BundleUnreadable("nothing closes the last height")
    return receipt.receipt(index, held.block, held.results, *bundle.closing)


def chained(paths: Sequence[Path]) -> tuple[Genesis, Iterator[Height]]:
    """Read archives and the export that follows them as one chain, for a replay.

    Gives the first file's genesis; that of the others is told by their links. Raises OSError,
    BundleUnreadable, ExportUnreadable.
    """
    with ExitStack() as stack:
        first, _ = _heights_of(paths[0], stack)
    return first, _one_after_another(paths)


def _one_after_another(paths: Sequence[Path]) -> Iterator[Height]:
    for each in paths:
        with ExitStack() as stack:
            yield from _heights_of(each, stack)[1]


def _heights_of(path: Path, stack: ExitStack) -> tuple[Genesis, Iterator[Height]]:
    file = stack.enter_context(opened(path))
    if file.read(len(FORMAT)) != FORMAT:
        file.seek(0)
        return read_export(file)
    file.seek(0)
    bundle = Bundle(file)
    return bundle.genesis, (held.encoded for held in bundle.heights())
