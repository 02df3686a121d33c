"""Why a pack is not verified or shown: numbers 9691 to 9709."""

from __future__ import annotations

from yilian.ledger.errors import code

GTIN_NOT_LISTED = code(9691, "supply.gtin_not_listed", 404, "gtin")
DRUG_CODE_NOT_LISTED = code(9692, "supply.drug_code_not_listed", 404, "drug_code")
RESPONDER_UNREACHABLE = code(9693, "supply.responder_unreachable", 503, "id")
REQUESTER_UNKNOWN = code(9694, "supply.requester_unknown", 401)
REQUESTER_NOT_ALLOWED = code(9695, "supply.requester_not_allowed", 403)
VERIFICATION_MALFORMED = code(9696, "supply.verification_malformed", 400, "field")
NO_SERIAL = code(9697, "supply.no_serial", 400)
NOT_RESPONDER = code(9698, "supply.not_responder", 409, "gtin")
EVIDENCE_UNKNOWN = code(9699, "supply.evidence_unknown", 404)
