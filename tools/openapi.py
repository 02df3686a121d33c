"""Write what programs that call a node are built from.

    python tools/openapi.py            write what is stale
    python tools/openapi.py --check    write nothing; exit 1 where something is stale

docs/openapi.json says what a node serves; the portal's types are made from it, so that a changed
address that the portal uses wrongly does not build. portal/src/events/kinds.json says of every
event's fields what they are, so that the portal can put an event in words.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from yilian.gateway import openapi
from yilian.gateway.http import ALL
from yilian.gateway.http.epcis import routes as epcis_routes
from yilian.gateway.http.health_links_public import routes as link_routes
from yilian.gateway.http.log import routes as log_routes
from yilian.gateway.http.organisation import routes as organisation_routes
from yilian.gateway.http.sign_in import routes as sign_in_routes
from yilian.gateway.http.supply_public import routes as public_routes
from yilian.gateway.http.verification_router import routes as verification_routes
from yilian.portal.kinds import kinds

ROOT = Path(__file__).resolve().parents[1]


def described() -> str:
    """Give the document's text: every route that `yilian up` serves, none of them called."""
    nothing: Any = SimpleNamespace(directory=None, show=None)
    no_log: Any = None
    routes = (
        *ALL,
        *organisation_routes({}),
        *log_routes(no_log),
        *public_routes(nothing),
        *verification_routes(nothing),
        *link_routes({}),
        *epcis_routes({}.get),
        *sign_in_routes(),
    )
    return json.dumps(openapi.document(routes), indent=1, ensure_ascii=False) + "\n"


def of_events() -> str:
    """Give the kind of each field of each event."""
    return json.dumps(kinds(), indent=1) + "\n"


WRITTEN = {"portal/src/events/kinds.json": of_events, "docs/openapi.json": described}


def main() -> int:
    """Write or check the files; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true")
    check, stale = parser.parse_args().check, 0
    for name, make in WRITTEN.items():
        file, wanted = ROOT / name, make()
        if file.exists() and file.read_text("utf-8") == wanted:
            continue
        stale += 1
        if check:
            sys.stderr.write(f"{name} is stale: run python tools/openapi.py\n")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted, "utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
