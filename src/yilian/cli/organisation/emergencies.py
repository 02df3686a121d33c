"""Break the glass and read, list accesses for review, judge them, choose what opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from yilian.cli import connect, values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Choice, Command
from yilian.ledger import codec
from yilian.ledger.modules.consent.messages import BreakGlass, Finding, ReviewBreakGlass
from yilian.sdk import drafts
from yilian.vault.envelope import EmergencyReason

LATER_SECONDS = 4 * 3_600
"""How long a transaction may wait for the chain to come back: as long as an access may last."""


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [make(console) for make in (_break_glass, _emergencies, _review, _categories)]


def _break_glass(console: Console) -> Command:
    def run(minutes: int, out: Path | None, **given: Any) -> int:
        asked = ("holder", "person", "system", "number", "reason", "text", "place")
        body = {name: given[name] for name in asked if given[name] is not None}
        (signer,) = connect.signers(
            {**given, "countersign": ()}, connect.passphrase(console, given)
        )
        sender, payer = given["sender"], given["organisation"]
        with connect.client(console, given, signer=signer, sender=sender, payer=payer) as client:
            made = client.request("POST", place(given, "emergencies"), {**body, "minutes": minutes})
            later: dict[str, str] = {}
            glass = BreakGlass(access=made["access"], terms=made["terms"], ends=made["ends"])
            if made["finality"]:
                client.send([glass])
            else:
                draft = drafts.draft(
                    chain=client.genesis()["chain"],
                    sender=sender,
                    payer=payer,
                    messages=[glass],
                    signers=[signer],
                    expires_in=LATER_SECONDS,
                )
                later = {"transaction": codec.to_text(drafts.sign(draft, [signer]))}
            path = place(given, f"emergencies/{made['access']}/read")
            answer = client.request("POST", path, later)
        return _told(console, made, answer, out)

    params: list[click.Parameter] = [
        id_option(console, "--holder", required=True),
        id_option(console, "--person"),
        option(console, "--system", metavar="NAME"),
        option(console, "--number", metavar="NUMBER"),
        option(console, "--reason", type=Choice(console, get_args(EmergencyReason)), required=True),
        option(console, "--text", required=True, metavar="WORDS"),
        option(console, "--place", metavar="NAME"),
        option(console, "--minutes", type=values.whole(console, int), default=60, metavar="N"),
        option(console, "--out", type=values.file(console), metavar="FILE"),
    ]
    return command(console, "break-glass", run, params)


def _told(console: Console, made: dict[str, Any], answer: dict[str, Any], out: Path | None) -> int:
    records = answer["records"]
    if out is not None:
        out.write_text("".join(each["content"] + "\n" for each in records), "utf-8")
    lines = [
        console.of(
            "node",
            "glass_broken",
            access=made["access"],
            records=len(records),
            ends=console.moment(made["ends"]),
        )
    ]
    if answer["alone"]:
        lines.append(console.of("node", "glass_alone"))
    if not answer["anchored"]:
        lines.append(console.of("node", "glass_not_anchored"))
    if out is None:
        lines += [each["content"] for each in records]
    console.show({"ok": True, "ends": made["ends"], **answer}, lines)
    return DONE


def _emergencies(console: Console) -> Command:
    def run(person: str | None, **given: Any) -> int:
        rest = "emergencies" if person is None else f"persons/{person}/emergencies"
        with speaking(console, given) as client:
            answer = client.request("GET", place(given, rest))
        lines = [_line(console, each) for each in answer["accesses"]]
        console.show({"ok": True, **answer}, lines or [console.of("node", "no_emergencies")])
        return DONE

    return command(console, "emergencies", run, [id_option(console, "--person")])


def _line(console: Console, each: dict[str, Any]) -> str:
    shown = ("access", "person", "reader", "reason", "text")
    return console.of(
        "node",
        "emergency_line",
        time=console.moment(each["time"]),
        finding=each["finding"] or console.of("node", "emergency_unjudged"),
        **{name: each[name] for name in shown},
    )


def _review(console: Console) -> Command:
    def run(access: str, finding: str, text: str, **given: Any) -> int:
        with speaking(console, given) as client:
            path = place(given, f"emergencies/{access}/review")
            made = client.request("POST", path, {"finding": finding, "text": text})
            done = client.send([msgspec.convert(made, ReviewBreakGlass)])
        lines = [console.of("node", "emergency_reviewed", access=access, height=done.height or 0)]
        console.show({"ok": True, **made, "transaction": done.hash}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--access", required=True),
        option(console, "--finding", type=Choice(console, get_args(Finding)), required=True),
        option(console, "--text", required=True, metavar="WORDS"),
    ]
    return command(console, "review-emergency", run, params)


def _categories(console: Console) -> Command:
    def run(
        person: str, categories: str | None, sensitivities: str, none: bool, **given: Any
    ) -> int:
        path = place(given, f"persons/{person}/emergency-categories")
        with speaking(console, given) as client:
            if categories is None and not none:
                answer = client.request("GET", path)
            else:
                named = [] if none or categories is None else categories.split(",")
                body = {"categories": named, "sensitivities": sensitivities.split(",")}
                answer = client.request("PUT", path, body)
        opened = ", ".join(answer["categories"])
        line = (
            console.of("node", "emergency_opens", categories=opened)
            if opened
            else console.of("node", "emergency_opens_nothing")
        )
        console.show({"ok": True, **answer}, [line])
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        option(console, "--categories", metavar="NAME,NAME"),
        option(console, "--sensitivities", default="normal", metavar="NAME,NAME"),
        option(console, "--none", is_flag=True),
    ]
    return command(console, "emergency-categories", run, params)
