"""Why the repository refuses: numbers 9600 to 9619, append only."""

from __future__ import annotations

from yilian.ledger.errors import code

# Capture
INVALID = code(9600, "epcis.invalid", 400, "path", "reason", "faults")
EVENT_EXISTS = code(9601, "epcis.event_exists", 409, "event")
TOO_MANY_EVENTS = code(9602, "epcis.too_many_events", 413, "limit")
TOO_LARGE = code(9603, "epcis.too_large", 413, "limit")
CAPTURE_BUSY = code(9604, "epcis.capture_busy", 503, "limit")
JOB_UNKNOWN = code(9605, "epcis.job_unknown", 404)
UNREADABLE = code(9606, "epcis.unreadable", 400, "path", "reason")
TOO_MANY_EPCS = code(9607, "epcis.too_many_epcs", 413, "limit")
CONTENT_ENCODING = code(9608, "epcis.content_encoding", 415)

# Queries
QUERY_PARAMETER = code(9610, "epcis.query_parameter", 400, "name", "reason")
QUERY_TOO_LARGE = code(9611, "epcis.query_too_large", 413, "limit")
QUERY_TOO_COMPLEX = code(9612, "epcis.query_too_complex", 413, "limit")
PAGE_TOKEN = code(9613, "epcis.page_token", 400)
QUERY_NAME = code(9614, "epcis.query_name", 400)
QUERY_EXISTS = code(9615, "epcis.query_exists", 409, "name")
QUERY_UNKNOWN = code(9616, "epcis.query_unknown", 404)
TOO_MANY_QUERIES = code(9617, "epcis.too_many_queries", 409, "limit")
