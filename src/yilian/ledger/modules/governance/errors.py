"""Why `governance` refuses. Append only: part of consensus."""

from yilian.ledger.errors import code

NOT_A_MEMBER = code(200, "governance.not_a_member", 403)
UNKNOWN_PROPOSAL = code(201, "governance.unknown_proposal", 404, "id")
PROPOSAL_CLOSED = code(202, "governance.proposal_closed", 409, "id")
ALREADY_VOTED = code(203, "governance.already_voted", 409, "id")
ID_TAKEN = code(204, "governance.id_taken", 409, "id")
ALREADY_MEMBER = code(205, "governance.already_member", 409, "id")
UNKNOWN_PARAMETER = code(206, "governance.unknown_parameter", 400, "name")
OUT_OF_BOUNDS = code(207, "governance.out_of_bounds", 400, "name", "least", "most")
UNKNOWN_ORGANISATION = code(208, "governance.unknown_organisation", 404, "id")
NOT_PROPOSER = code(209, "governance.not_proposer", 403, "id")
VALIDATOR_KEY_USED = code(210, "governance.validator_key_used", 409, "public")
NO_VALIDATOR_KEY = code(211, "governance.no_validator_key", 409, "id")
POWER_UNCHANGED = code(212, "governance.power_unchanged", 409, "id")
LAST_VALIDATOR = code(213, "governance.last_validator", 409, "id")
TOO_MANY_VALIDATORS = code(214, "governance.too_many_validators", 409, "limit")
TOO_MUCH_POWER = code(215, "governance.too_much_power", 409)
NOT_THE_ORGANISATION = code(216, "governance.not_the_organisation", 403)
TICK_TOO_SOON = code(217, "governance.tick_too_soon", 429, "limit")
