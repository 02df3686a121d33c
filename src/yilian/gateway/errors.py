"""Why the gateway refuses before the law is asked: numbers 9100 to 9199, append only."""

from __future__ import annotations

from yilian.ledger.errors import code

NOT_FOUND = code(9100, "not_found", 404)
METHOD_NOT_ALLOWED = code(9101, "method_not_allowed", 405)
UNSUPPORTED_MEDIA_TYPE = code(9102, "unsupported_media_type", 415, "expected")
BODY_TOO_LARGE = code(9103, "body_too_large", 413, "limit")
BAD_PARAMETER = code(9104, "bad_parameter", 400, "name")
NOT_ACCEPTABLE = code(9105, "not_acceptable", 406, "offered")
BAD_REQUEST = code(9106, "bad_request", 400)
HEADERS_TOO_LARGE = code(9107, "headers_too_large", 431, "limit")
REQUEST_TIMEOUT = code(9108, "request_timeout", 408, "seconds")

# Signed requests
UNAUTHENTICATED = code(9110, "unauthenticated", 401)
REQUEST_STALE = code(9111, "request_stale", 401, "limit")
REQUEST_DIFFERS = code(9112, "request_differs", 401, "part")
REPLAYED_REQUEST = code(9113, "replayed_request", 401)
FORBIDDEN = code(9114, "forbidden", 403)

# What the node cannot answer now
RATE_LIMITED = code(9120, "rate_limited", 429, "limit")
UNAVAILABLE = code(9121, "unavailable", 503)
ENGINE_STOPPED = code(9122, "engine_stopped", 503)
NOT_READY = code(9123, "not_ready", 503)
NOT_YET = code(9124, "not_yet", 409)
HEIGHT_NOT_KEPT = code(9125, "height_not_kept", 404, "height")
