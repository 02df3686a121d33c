"""Why an index by URL refuses (numbers 9460 to 9462, 9472; payload stores have 9463 to 9471)."""

from yilian.ledger.errors import code

INDEX_UNAVAILABLE = code(9460, "index_unavailable", 503)
INDEX_URL_REFUSED = code(9461, "index_url_refused", 500, "part")
INDEX_PASSWORD_REFUSED = code(9462, "index_password_refused", 500, "reason")
INDEX_DIFFERS = code(9472, "index_differs", 409)
