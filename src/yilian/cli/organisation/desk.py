"""`yilian organisation`: the registration desk. Names and numbers come in files, never as options.

What stands on a command line is seen by every user of the machine, and kept in its history.
"""

from __future__ import annotations

from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command

GROUNDS = ("card", "document", "duplicate", "provisional", "statement")


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    makers = (
        _enrol,
        _provisional,
        _look_up,
        _card,
        _revoke_card,
        _link,
        _unlink,
        _links,
        _staff,
        _directory,
        _witness,
    )
    return [make(console) for make in makers]


def _file(console: Console) -> click.Parameter:
    """Take a JSON file, as the route of the same name takes it as its body."""
    content = values.document(console, dict[str, Any])
    return click.Argument(["file"], required=True, type=content)


def _ask(console: Console, given: dict[str, Any], method: str, rest: str, body: Any) -> Any:
    with speaking(console, given) as client:
        return client.request(method, place(given, rest), body)


def _enrol(console: Console) -> Command:
    def run(file: dict[str, Any], **given: Any) -> int:
        made = _ask(console, given, "POST", "persons", file)
        console.show({"ok": True, **made}, [console.of("node", "enrolled", **_place(made))])
        return DONE

    return command(console, "enrol", run, [_file(console)])


def _provisional(console: Console) -> Command:
    def run(file: dict[str, Any], **given: Any) -> int:
        made = _ask(console, given, "POST", "persons/provisional", file)
        console.show({"ok": True, **made}, [console.of("node", "enrolled", **_place(made))])
        return DONE

    return command(console, "provisional", run, [_file(console)])


def _place(made: dict[str, Any]) -> dict[str, int | str]:
    return {"person": made["person"], "height": made["height"]}


def _look_up(console: Console) -> Command:
    def run(file: dict[str, Any], **given: Any) -> int:
        found = _ask(console, given, "POST", "persons/look-up", file)
        console.show({"ok": True, **found}, [found["person"]])
        return DONE

    return command(console, "look-up", run, [_file(console)])


def _card(console: Console) -> Command:
    def run(person: str, **given: Any) -> int:
        made = _ask(console, given, "POST", f"persons/{person}/cards", None)
        lines = [console.of("node", "card_made", card=made["card"]), made["text"]]
        console.show({"ok": True, **made}, lines)
        return DONE

    return command(console, "card", run, [id_option(console, "--person", required=True)])


def _revoke_card(console: Console) -> Command:
    def run(card: str, **given: Any) -> int:
        made = _ask(console, given, "POST", "cards/revoke", {"card": card})
        console.show({"ok": True, **made}, [console.of("node", "card_revoked", card=card)])
        return DONE

    return command(console, "revoke-card", run, [id_option(console, "--card", required=True)])


def _link(console: Console) -> Command:
    def run(kept: str, other: str, ground: str, witness: str, **given: Any) -> int:
        body = {"kept": kept, "other": other, "ground": ground, "witness": witness}
        made = _ask(console, given, "POST", "links", body)
        line = console.of("node", "linked", link=made["link"], height=made["height"])
        console.show({"ok": True, **made}, [line])
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--kept", required=True),
        id_option(console, "--other", required=True),
        option(console, "--ground", required=True, type=click.Choice(GROUNDS)),
        id_option(console, "--witness", required=True),
    ]
    return command(console, "link", run, params)


def _unlink(console: Console) -> Command:
    def run(link: str, witness: str, **given: Any) -> int:
        made = _ask(console, given, "POST", f"links/{link}/end", {"witness": witness})
        line = console.of("node", "unlinked", link=link, height=made["height"])
        console.show({"ok": True, **made}, [line])
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--link", required=True),
        id_option(console, "--witness", required=True),
    ]
    return command(console, "unlink", run, params)


def _links(console: Console) -> Command:
    def run(person: str, **given: Any) -> int:
        found = _ask(console, given, "GET", f"persons/{person}/links", None)
        lines = [
            console.of(
                "node",
                "link_ended" if each["ended"] else "link_stands",
                link=each["terms"]["link"],
                kept=each["terms"]["kept"],
                other=each["terms"]["other"],
            )
            for each in found["links"]
        ]
        console.show({"ok": True, **found}, lines)
        return DONE

    return command(console, "links", run, [id_option(console, "--person", required=True)])


def _staff(console: Console) -> Command:
    def run(practitioner: str, file: dict[str, Any], **given: Any) -> int:
        made = _ask(console, given, "PUT", f"staff/{practitioner}", file)
        line = console.of("node", "staff_kept", practitioner=practitioner)
        console.show({"ok": True, **made}, [line])
        return DONE

    params = [id_option(console, "--practitioner", required=True), _file(console)]
    return command(console, "staff", run, params)


def _directory(console: Console) -> Command:
    def run(**given: Any) -> int:
        found = _ask(console, given, "GET", "staff", None)
        lines = [f"{each['practitioner']} {each['role']} {each['name']}" for each in found["staff"]]
        console.show({"ok": True, **found}, lines)
        return DONE

    return command(console, "directory", run, [])


def _witness(console: Console) -> Command:
    def run(person: str, file: dict[str, Any], **given: Any) -> int:
        rest = f"persons/{person}/witnessed-consents"
        made = _ask(console, given, "POST", rest, file)
        line = console.of("node", "witnessed", evidence=made["evidence"], height=made["height"])
        console.show({"ok": True, **made}, [line])
        return DONE

    params = [id_option(console, "--person", required=True), _file(console)]
    return command(console, "witness", run, params)
