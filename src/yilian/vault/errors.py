"""Why the vault refuses: numbers 9000 to 9099, append only."""

from __future__ import annotations

from yilian.ledger.errors import code

# Envelope
NOT_OPENED = code(9000, "envelope_not_opened", 400)
FORMAT_UNKNOWN = code(9001, "envelope_format_unknown", 400, "format")
KEY_NOT_ACCEPTED = code(9002, "envelope_key_not_accepted", 400)
CONTENT_DIFFERS = code(9003, "content_differs", 409, "record")
NOT_IN_BATCH = code(9004, "record_not_in_batch", 409, "record")

# Key store
MASTER_KEY_MISSING = code(9010, "master_key_missing", 500)
MASTER_KEY_EXPOSED = code(9011, "master_key_exposed", 500)
MASTER_KEY_WRONG = code(9012, "master_key_wrong", 500)
KEYSTORE_EXPOSED = code(9013, "keystore_exposed", 500, "name")
KEYSTORE_DAMAGED = code(9014, "keystore_damaged", 500, "name")
SIGNING_KEY_UNKNOWN = code(9015, "signing_key_unknown", 404, "key")
SIGNING_KEY_EXISTS = code(9016, "signing_key_exists", 409, "key")
SERVICE_KEY_UNKNOWN = code(9017, "service_key_unknown", 409, "key")
CATEGORY_KEY_MISSING = code(9018, "category_key_missing", 409, "key")
DUPLICATE_SHARE_MISSING = code(9019, "duplicate_share_missing", 409)

# Payloads
PAYLOAD_MISSING = code(9030, "payload_missing", 404, "address")
PAYLOAD_DAMAGED = code(9031, "payload_damaged", 500, "address")
PAYLOAD_TOO_LARGE = code(9032, "payload_too_large", 413, "limit")

# Deposits and batches
RECORD_EXISTS = code(9040, "record_exists", 409, "record")
RECORD_UNKNOWN = code(9041, "vault_record_unknown", 404, "record")
DEPOSIT_EMPTY = code(9042, "deposit_empty", 400)
DEPOSIT_TOO_LARGE = code(9043, "deposit_too_large", 413, "limit")
BATCH_UNKNOWN = code(9044, "deposit_batch_unknown", 404, "batch")
BATCH_ANCHORED = code(9045, "deposit_batch_anchored", 409, "batch")
BATCH_NOT_ANCHORED = code(9046, "deposit_batch_not_anchored", 409, "batch")
ROW_DAMAGED = code(9047, "catalogue_row_damaged", 500, "record")

# What becomes of records: versions, retention, erasure (numbers 9300 to 9319)
RECORD_ERASED = code(9300, "vault_record_erased", 410, "record")
RECORD_SEALED = code(9301, "vault_record_sealed", 403, "record")
ERASURE_KEY_MISSING = code(9302, "erasure_key_missing", 500, "record")
OUTER_LAYER_DAMAGED = code(9303, "outer_layer_damaged", 500, "record")
RECORD_REPLACED = code(9304, "record_already_replaced", 409, "record")
REPLACES_OTHER_PATIENT = code(9305, "record_of_another_patient", 409, "record")
NOTE_MAY_NOT_REPLACE = code(9306, "note_may_not_replace", 409, "record")
RETENTION_UNKNOWN = code(9307, "retention_class_unknown", 400, "name")

# Grants, sessions, disclosure
GRANT_NOT_GIVEN = code(9060, "grant_not_given_here", 404, "grant")
GRANT_NOT_HELD = code(9061, "grant_not_held_here", 404, "grant")
GRANT_EXISTS = code(9062, "grant_exists_with_other_terms", 409, "grant")
GRANT_DIFFERS = code(9063, "grant_differs_from_chain", 409, "grant")
NOT_FOR_US = code(9064, "package_not_for_this_organisation", 403)
SESSION_EXISTS = code(9065, "vault_session_exists", 409, "session")
DISCLOSURE_UNKNOWN = code(9066, "disclosure_unknown", 404, "disclosure")

# The folder
VAULT_IN_USE = code(9080, "vault_in_use", 409)
VAULT_OF_OTHER = code(9081, "vault_of_other_organisation", 409)
VAULT_FORMAT = code(9082, "vault_format_unknown", 409, "format")

# Duplicate enrolment
NUMBER_REFUSED = code(9090, "duplicate_number_refused", 400)
PARTIALS_REFUSED = code(9091, "duplicate_partials_refused", 400)
