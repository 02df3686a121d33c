"""A person's own reading: their category keys, wrapped to a reading key that their device made.

The device opens records that leave here as ciphertexts (`Recoveries.copies`). Nothing of the
reading key is kept here: each asking is signed by a key of the person on the chain, and is given
nothing any more when that key is ended there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from yilian.gateway.practice.records import Asker
from yilian.ledger.errors import code
from yilian.ledger.modules.identity.state import Subject
from yilian.vault.envelope import PublicKey, WrappedCategoryKey, binding, wrap
from yilian.vault.keystore import CategoryKey

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

IN_CUSTODY = code(9404, "reading.in_custody", 409)
OWN_KEY_WANTED = code(9405, "reading.own_key_wanted", 403)


class ReadingKeys:
    """The category keys of one organisation's patients, for devices of their own."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    def given(
        self, person: str, subject: Subject, public: PublicKey
    ) -> tuple[WrappedCategoryKey, ...]:
        """Wrap the keys of all records that the person may read now, by name and generation.

        Keys of erased and sealed records are not among them, but where one key covers others too.
        """
        asker = Asker(person, subject, "read", "patient-request")
        held = self._organisation.own_records.listed(asker, person)
        open_ = {row.category_key for row in held}
        keys = self._organisation.vault.keystore.category_keys(person)
        chosen = [each for each in keys if each.key in open_]
        return wrapped_keys(self._organisation.id, person, chosen, public)


def wrapped_keys(
    holder: str, person: str, keys: Iterable[CategoryKey], public: PublicKey
) -> tuple[WrappedCategoryKey, ...]:
    """Wrap category keys of a person at `holder` to a reading key (HPKE). Pure but for its draw."""
    return tuple(
        WrappedCategoryKey(
            key=each.key,
            name=each.name,
            generation=each.generation,
            recipient=public.id,
            wrapped=wrap(
                public, each.private.export(), reading_key_binding(holder, person, each.key)
            ),
        )
        for each in keys
    )


def reading_key_binding(holder: str, person: str, category_key: str) -> bytes:
    """Say what a category key is wrapped for: the person's own reading of what `holder` keeps."""
    return binding("reading-key", category_key=category_key, holder=holder, person=person)
