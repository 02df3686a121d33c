"""Settings of a process that is a node and nothing else."""

from __future__ import annotations

import gc
import json
import logging
import sys
import time


class Line(logging.Formatter):
    """Writes a log record as one JSON object on one line; what is JSON already keeps its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Give time (UTC), level, logger, the message or its fields, and a trace where one is."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        message = record.getMessage()
        try:
            fields = json.loads(message)
        except ValueError:
            fields = message
        line.update(fields if isinstance(fields, dict) else {"message": message})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def structured_logs() -> None:
    """Send the node's logs to standard error, a JSON object a line, requests included."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    logger = logging.getLogger("yilian")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def ease_collector() -> None:
    """Make Python's cyclic garbage collector run rarely.

    The state tree makes many small objects that never form a cycle; walking them again and again
    costs several microseconds per state key, with pauses (`bench/tree.py` shows both). Only for a
    process of our own: a library must not change this for its caller.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
