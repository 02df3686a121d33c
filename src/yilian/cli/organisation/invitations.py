"""`yilian organisation`: inviting people to sign in to the portal, and shutting them out of it."""

from __future__ import annotations

from typing import Any

import click

from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command
from yilian.text import LANGUAGES

LEAST_MINUTES, MOST_MINUTES = 15, 10_080


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_invite, _invitations, _withdraw, _close)]


def _invite(console: Console) -> Command:
    def run(subject: str, minutes: int, page: str | None, renews: bool, **given: Any) -> int:
        body = {
            "subject": subject,
            "minutes": minutes,
            "language": page or console.language,
            "renews": renews,
        }
        with speaking(console, given) as client:
            made = client.request("POST", place(given, "invitations"), body)
        at = console.moment(made["invitation"]["expires"])
        line = console.of(
            "node", "invited", invitation=made["invitation"]["invitation"], expires=at
        )
        console.show({"ok": True, **made}, [line, made["link"]])
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--subject", required=True),
        option(
            console,
            "--minutes",
            type=click.IntRange(LEAST_MINUTES, MOST_MINUTES),
            default=1440,
            show_default=True,
        ),
        option(console, "--page", type=click.Choice(LANGUAGES)),
        option(console, "--renews", is_flag=True),
    ]
    return command(console, "invite", run, params)


def _invitations(console: Console) -> Command:
    def run(**given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", place(given, "invitations"))
        lines = [_line(console, each) for each in found["invitations"]]
        console.show({"ok": True, **found}, lines or [console.of("node", "no_invitations")])
        return DONE

    return command(console, "invitations", run, [])


def _line(console: Console, invitation: dict[str, Any]) -> str:
    if invitation.get("revoked") is not None:
        key, at = "invitation_withdrawn", invitation["revoked"]
    elif invitation.get("used") is not None:
        key, at = "invitation_used", invitation["used"]
    else:
        key, at = "invitation_waits", invitation["expires"]
    return console.of(
        "node",
        key,
        invitation=invitation["invitation"],
        subject=invitation["subject"],
        at=console.moment(at),
    )


def _withdraw(console: Console) -> Command:
    def run(invitation: str, **given: Any) -> int:
        with speaking(console, given) as client:
            client.request("DELETE", place(given, f"invitations/{invitation}"))
        line = console.of("node", "withdrawn", invitation=invitation)
        console.show({"ok": True, "invitation": invitation}, [line])
        return DONE

    return command(
        console, "withdraw-invitation", run, [id_option(console, "--invitation", required=True)]
    )


def _close(console: Console) -> Command:
    def run(subject: str, **given: Any) -> int:
        with speaking(console, given) as client:
            client.request("DELETE", place(given, f"accounts/{subject}"))
        line = console.of("node", "account_closed", subject=subject)
        console.show({"ok": True, "subject": subject}, [line])
        return DONE

    return command(console, "close-account", run, [id_option(console, "--subject", required=True)])
