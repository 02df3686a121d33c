"""`yilian organisation`: notices of a person or practitioner: where they go, inbox, read."""

from __future__ import annotations

from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, place, speaking
from yilian.cli.shape import Command


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_contacts, _notices, _read, _proofs)]


def _whose(console: Console, given: dict[str, Any]) -> str:
    """Give the place of one inbox: a person's or a practitioner's, and not both."""
    person, practitioner = given.pop("person"), given.pop("practitioner")
    if (person is None) == (practitioner is None):
        raise click.UsageError(console.of("node", "person_or_practitioner"))
    return f"persons/{person}" if person else f"staff/{practitioner}"


def _inboxes(console: Console) -> list[click.Parameter]:
    return [id_option(console, "--person"), id_option(console, "--practitioner")]


def _contacts(console: Console) -> Command:
    def run(file: dict[str, Any], **given: Any) -> int:
        at = _whose(console, given)
        with speaking(console, given) as client:
            kept = client.request("PUT", place(given, f"{at}/contacts"), file)
        lines = [console.of("node", "contacts_kept", id=kept["id"])]
        if kept["webhook_secret"] is not None:
            lines.append(console.of("node", "webhook_secret", secret=kept["webhook_secret"]))
        console.show({"ok": True, **kept}, lines)
        return DONE

    content = values.document(console, dict[str, Any])
    argument = click.Argument(["file"], required=True, type=content)
    return command(console, "contacts", run, [*_inboxes(console), argument])


def _notices(console: Console) -> Command:
    def run(**given: Any) -> int:
        at = _whose(console, given)
        with speaking(console, given) as client:
            found = client.request("GET", place(given, f"{at}/notices"))
        lines = [
            console.of(
                "node",
                "notice_new" if each["read"] is None else "notice_read",
                notice=each["notice"],
                at=console.moment(each["at"]),
                title=each["title"],
                body=each["body"],
            )
            for each in found["notices"]
        ]
        console.show({"ok": True, **found}, lines or [console.of("node", "no_notices")])
        return DONE

    return command(console, "notices", run, _inboxes(console))


def _read(console: Console) -> Command:
    def run(notice: str, **given: Any) -> int:
        at = _whose(console, given)
        with speaking(console, given) as client:
            done = client.request("POST", place(given, f"{at}/notices/{notice}/read"))
        line = console.of("node", "notice_was_read", read=console.moment(done["read"]))
        console.show({"ok": True, **done}, [line])
        return DONE

    params = [*_inboxes(console), id_option(console, "--notice", required=True)]
    return command(console, "read-notice", run, params)


def _proofs(console: Console) -> Command:
    def run(notice: str, **given: Any) -> int:
        at = _whose(console, given)
        with speaking(console, given) as client:
            found = client.request("GET", place(given, f"{at}/notices/{notice}/proofs"))
        lines = [
            console.of(
                "node",
                "notice_step",
                event=each["line"]["event"],
                channel=each["line"].get("channel") or "-",
                time=console.moment(each["line"]["time"]),
                batch=each["batch"],
            )
            for each in found["proofs"]
        ]
        console.show({"ok": True, **found}, lines or [console.of("node", "no_proofs")])
        return DONE

    params = [*_inboxes(console), id_option(console, "--notice", required=True)]
    return command(console, "notice-proofs", run, params)
