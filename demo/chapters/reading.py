"""What several chapters do: read under a grant, list a person's records, give a grant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stage import Somebody, Stage, command


def listed(asker: Somebody, person: str) -> list[dict[str, Any]]:
    """List the records of a person that the asker may know of."""
    answer = command("organisation", "records", *asker.at_home, "--person", person)
    entries: list[dict[str, Any]] = answer["entries"]
    return entries


def read(reader: Somebody, grant: str, out: Path) -> set[str]:
    """Read what a grant opens, into a file; gives the ids of the records."""
    answer = command("organisation", "read", *reader.at_home, "--grant", grant, "--out", out)
    return {each["record"] for each in answer["records"]}


def give(stage: Stage, giver: Somebody, person: str, reader: Somebody) -> dict[str, Any]:
    """Sign a grant of the laboratory records to a doctor of hospital B, for thirty days."""
    return command(
        "organisation",
        "give",
        *giver.at_home,
        *("--person", person, "--grantee", stage.b.id, "--practitioner", reader.id),
        *("--categories", "laboratory", "--days", "30"),
    )
