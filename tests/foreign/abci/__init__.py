"""Messages of ABCI 2.0 and evidence, written and read by CometBFT's own types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def golden() -> dict[str, Any]:
    """Give what `go run . golden` wrote: requests by name, framed, and pieces of evidence."""
    found: dict[str, Any] = json.loads((HERE / "golden.json").read_text("utf-8"))
    return found
