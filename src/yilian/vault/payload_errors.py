"""Why a payload store by URL refuses (numbers 9463 to 9471; indexes have those around them)."""

from yilian.ledger.errors import code

STORE_UNAVAILABLE = code(9463, "payload_store_unavailable", 503)
STORE_REFUSED = code(9464, "payload_store_refused", 503, "reason")
BUCKET_MISSING = code(9465, "payload_bucket_missing", 503)
KEEPS_VERSIONS = code(9466, "payload_bucket_keeps_versions", 500)
LOCKS_OBJECTS = code(9467, "payload_bucket_locks_objects", 500)
OF_OTHER = code(9468, "payload_store_of_other", 409)
ELSEWHERE = code(9469, "payloads_elsewhere", 409, "store")
URL_REFUSED = code(9470, "payload_url_refused", 500, "part")
CREDENTIALS_REFUSED = code(9471, "payload_credentials_refused", 500, "reason")

OUTAGES = frozenset({STORE_UNAVAILABLE, STORE_REFUSED, BUCKET_MISSING})
"""The store cannot be asked now: whether a payload is well is not known."""
