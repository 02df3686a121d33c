"""Why `records` refuses. Append only: part of consensus."""

from yilian.ledger.errors import code

ID_TAKEN = code(400, "records.id_taken", 409, "id")
