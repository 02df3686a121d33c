"""The log lines of a node's own process."""

from __future__ import annotations

import json
import logging
import sys

from yilian.node.supervise import Line


def line(message: str, **more: object) -> dict[str, object]:
    record = logging.LogRecord("yilian.node", logging.INFO, "", 0, message, (), None)
    record.__dict__.update(more)
    text = Line().format(record)
    assert "\n" not in text
    read: dict[str, object] = json.loads(text)
    return read


def test_a_line_is_one_json_object() -> None:
    read = line("the writer stopped\nnow")
    assert (read["level"], read["logger"]) == ("info", "yilian.node")
    assert read["message"] == "the writer stopped\nnow"
    assert str(read["time"]).endswith("Z")


def test_what_is_json_keeps_its_fields() -> None:
    assert line('{"route":"/v1/status","status":200}')["route"] == "/v1/status"
    assert line("[1]")["message"] == "[1]"


def test_a_trace_is_a_field() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        assert "ValueError: why" in str(line("failed", exc_info=sys.exc_info())["trace"])
