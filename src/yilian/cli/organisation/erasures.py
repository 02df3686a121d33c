"""`yilian organisation`: erase a person's records, show certificates, hold what must stay."""

from __future__ import annotations

from typing import Any

import click

from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command

GROUNDS = ("dispute", "law", "trial")


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_erase, _certificate, _hold, _lift)]


def _lines(console: Console, answer: dict[str, Any]) -> list[str]:
    lines = [console.of("node", "erased", erasure=answer["erasure"], person=answer["person"])]
    for part in answer["parts"]:
        told = part["certificate"]
        key = "erased_destroyed" if told["until"] is None else "erased_sealed"
        until = "" if told["until"] is None else console.moment(told["until"])
        lines.append(console.of("node", key, records=len(told["records"]), until=until))
        copies = {each["organisation"] for each in told["copies"]} - {None, told["organisation"]}
        lines += [console.of("node", "erased_copy", organisation=each) for each in sorted(copies)]
    return lines


def _erase(console: Console) -> Command:
    def run(person: str, record: tuple[str, ...], **given: Any) -> int:
        body: dict[str, Any] = {"person": person}
        if record:
            body["records"] = list(record)
        with speaking(console, given) as client:
            answer = client.request("POST", place(given, "erasures"), body)
        console.show({"ok": True, **answer}, _lines(console, answer))
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        id_option(console, "--record", multiple=True),
    ]
    return command(console, "erase", run, params)


def _certificate(console: Console) -> Command:
    def run(erasure: str, **given: Any) -> int:
        with speaking(console, given) as client:
            answer = client.request("GET", place(given, f"erasures/{erasure}"))
        console.show({"ok": True, **answer}, _lines(console, answer))
        return DONE

    return command(console, "erasure", run, [id_option(console, "--erasure", required=True)])


def _hold(console: Console) -> Command:
    def run(record: tuple[str, ...], ground: str, **given: Any) -> int:
        with speaking(console, given) as client:
            body = {"records": list(record), "ground": ground}
            answer = client.request("POST", place(given, "holds"), body)
        lines = [console.of("node", "held", hold=answer["hold"], records=len(answer["entries"]))]
        console.show({"ok": True, **answer}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--record", multiple=True, required=True),
        option(console, "--ground", required=True, type=click.Choice(GROUNDS)),
    ]
    return command(console, "hold", run, params)


def _lift(console: Console) -> Command:
    def run(hold: str, **given: Any) -> int:
        with speaking(console, given) as client:
            answer = client.request("POST", place(given, f"holds/{hold}/lift"))
        console.show({"ok": True, **answer}, [console.of("node", "hold_lifted", hold=hold)])
        return DONE

    return command(console, "lift-hold", run, [id_option(console, "--hold", required=True)])
