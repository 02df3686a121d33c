"""Who had a pack before, by its title: from the maker on, as its pedigree says."""

from __future__ import annotations

import sqlalchemy as sql

from yilian.gateway.supply import title_rows
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.histories import Histories, note_row


class TitleHolders:
    """The holders of one organisation's packs, also of those that have left. Safe for threads."""

    def __init__(self, database: SupplyDatabase, histories: Histories) -> None:
        self._database = database
        self._histories = histories

    def of(self, unit: str) -> tuple[str, ...]:
        """Name who had a pack, the maker first; the last one has it, or ended it.

        Nothing for a pack whose title was never here, or is in no post yet.
        """
        with self._database.read() as connection:
            row = title_rows.units_named(connection, [unit]).get(unit)
            if row is None or row.note is None:
                return ()
            return self._before(connection, row.note, unit)

    def _before(self, connection: sql.Connection, note: int, unit: str) -> tuple[str, ...]:
        row, wanted = note_row(connection, note), {note: [unit]}
        if row.word:
            ended = self._histories.compose_ended(connection, wanted)
            given = [ended.spends[index].organisation for index in ended.lines[0].chain]
            return tuple(dict.fromkeys(given))
        held = self._histories.compose(connection, wanted)
        given = [held.spends[index].organisation for index in held.lines[0].chain]
        return tuple(dict.fromkeys([*given, row.holder]))
