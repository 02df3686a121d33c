"""Why FHIR intake refuses (numbers 9200 to 9299)."""

from yilian.ledger.errors import code

BUNDLE_MALFORMED = code(9200, "fhir.bundle_malformed", 400)
BUNDLE_TOO_LARGE = code(9201, "fhir.bundle_too_large", 413, "limit")
BUNDLE_PATIENTS = code(9202, "fhir.bundle_patients", 400, "found")
