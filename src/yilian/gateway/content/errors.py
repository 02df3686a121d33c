"""Why content, export and import refuse (numbers 9370 to 9389)."""

from yilian.ledger.errors import code

CONTENT_UNREADABLE = code(9370, "content.unreadable", 400)
CONTENT_OF_ANOTHER = code(9371, "content.of_another", 409, "record")
CONTENT_ASKED = code(9372, "content.asked", 400)
CONTENT_SEAL_BROKEN = code(9373, "content.seal_broken", 500, "record")
EXPORT_MALFORMED = code(9374, "export.malformed", 400)
EXPORT_TOO_LARGE = code(9375, "export.too_large", 413, "limit")
EXPORT_EXPANDS = code(9376, "export.expands", 413, "limit")
EXPORT_NAME = code(9377, "export.name", 400, "entry")
EXPORT_REPEATED = code(9378, "export.repeated", 400, "entry")
EXPORT_WRONG_CHAIN = code(9379, "export.wrong_chain", 409, "chain")
EXPORT_DAMAGED = code(9380, "export.damaged", 409, "id")
EXPORT_TRUST = code(9381, "export.trust", 400)
ORIGIN_DIFFERS = code(9382, "export.origin_differs", 409, "id")
