"""The query of a URL as parameters of a query: lists parted by `|`, prefixes by `GS1-Extensions`.

OpenAPI calls it `pipeDelimited`. What each parameter takes is the query language's own matter
(`gateway/epcis/query.py`), which reads texts as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from yilian.gateway.epcis.errors import QUERY_PARAMETER
from yilian.gateway.http.epcis.answering import extensions
from yilian.gateway.http.epcis.paging import RESERVED

_LISTED = ("eventType", "EQ_", "MATCH_", "WD_", "HASATTR_", "EQATTR_")
_SINGLE = ("EQ_booleanValue",)
MAX_PARAMETERS = 200
_BARE_PLUS = re.compile(r"(.*T[0-9:.]+) ([0-9]{2}:[0-9]{2})")
"""A time whose `+` was not percent-encoded: a space there is nothing else."""


def read(request: Request, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Read the question of a URL; `fixed` is what its path asks already.

    Refuses `epcis.query_parameter` for a parameter that comes twice and is no list, one that the
    path fixes, and too many.
    """
    found: dict[str, Any] = {}
    query: bytes = request.scope["query_string"]
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    for name, value in pairs:
        if name in RESERVED:
            continue
        if name in fixed or name == "@context":
            raise QUERY_PARAMETER(name=name[:200], reason="fixed")
        if name.startswith(_LISTED) and name not in _SINGLE:
            found.setdefault(name, []).extend(value.split("|"))
        elif name in found:
            raise QUERY_PARAMETER(name=name[:200], reason="repeated")
        else:
            found[name] = _BARE_PLUS.sub(r"\1+\2", value)
    if len(found) > MAX_PARAMETERS:
        raise QUERY_PARAMETER(name="", reason="too_many")
    declared = extensions(request)
    return {**found, **fixed, **({"@context": declared} if declared else {})}
