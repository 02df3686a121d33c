"""Counters for Prometheus. Labels are routes, statuses and code names: never an id."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from yilian.gateway.index import Advance, ChainIndex
from yilian.ledger import errors
from yilian.node.engine import Engine

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """What one gateway counts, in a registry of its own."""

    def __init__(self, engine: Engine, index: ChainIndex) -> None:
        self._registry = CollectorRegistry()
        self._live_from = engine.height
        self._requests = Counter(
            "yilian_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._refusals = Counter(
            "yilian_refusals", "Problems answered.", ("code",), registry=self._registry
        )
        self._transactions = Counter(
            "yilian_transactions", "Transactions in blocks.", ("code",), registry=self._registry
        )
        self._block_seconds = Histogram(
            "yilian_block_seconds",
            "From a block's time until it is visible in the index.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self._registry,
        )
        self._registry.register(_Gauges(engine, index))
        index.listen(self._advanced)

    def answered(self, method: str, route: str, status: int) -> None:
        """Count an answer by its route's template."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()

    def refused(self, code: errors.Code) -> None:
        """Count a problem by its code."""
        self._refusals.labels(code.name).inc()

    def _advanced(self, moved: Advance) -> None:
        if moved.height <= self._live_from:
            return
        for number, count in moved.codes.items():
            name = "ok" if number == errors.OK else errors.by_number(number).name
            self._transactions.labels(name).inc(count)
        self._block_seconds.observe(max(0.0, time.time() - moved.time / 1000))

    def text(self) -> bytes:
        """Write the exposition format, version 0.0.4."""
        return generate_latest(self._registry)


class _Gauges:
    """What is read from the engine and the index at the moment of asking."""

    def __init__(self, engine: Engine, index: ChainIndex) -> None:
        self._engine = engine
        self._index = index

    def collect(self) -> Iterator[Metric]:
        height = self._engine.height
        for name, help_text, value in (
            ("yilian_height", "Newest height.", height),
            ("yilian_pending", "Transactions that wait for a block.", self._engine.pending()),
            ("yilian_index_lag", "Blocks not yet in the index.", height - self._index.height),
        ):
            yield GaugeMetricFamily(name, help_text, value)
