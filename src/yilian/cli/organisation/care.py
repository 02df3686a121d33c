"""`yilian organisation`: encounters and referrals, and who treats a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import command, id_option, option, place, speaking
from yilian.cli.shape import Command
from yilian.ledger.module import Message
from yilian.ledger.modules.care.messages import AcceptReferral, OpenEncounter, Refer
from yilian.sdk.client import Client


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    finishing = [
        _finish(console, name, noun, verb)
        for name, noun, verb in (
            ("close-encounter", "encounter", "close"),
            ("cancel-encounter", "encounter", "cancel"),
            ("decline-referral", "referral", "decline"),
            ("end-referral", "referral", "end"),
        )
    ]
    return [_open(console), _refer(console), _accept(console), *finishing, _relations(console)]


def _signed(client: Client, answer: dict[str, Any], messages: Sequence[Message]) -> int:
    """Sign what was prepared for whoever calls, where the agent did not; gives the height."""
    if answer.get("height") is not None:
        return int(answer["height"])
    return int(client.send(messages).height or 0)


def _open(console: Console) -> Command:
    def run(person: str, team: tuple[str, ...], **given: Any) -> int:
        with speaking(console, given) as client:
            body = {"person": person, "team": list(team)}
            made = client.request("POST", place(given, "encounters"), body)
            message = OpenEncounter(encounter=made["relation"], terms=made["terms"])
            height = _signed(client, made, [message])
        lines = [console.of("node", "encounter_opened", encounter=made["relation"], height=height)]
        console.show({"ok": True, "encounter": made["relation"], "height": height}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        id_option(console, "--team", multiple=True),
    ]
    return command(console, "open-encounter", run, params)


def _refer(console: Console) -> Command:
    def run(
        person: str, to: str, team: tuple[str, ...], reason: str, days: int, **given: Any
    ) -> int:
        body = {"person": person, "to": to, "team": list(team), "reason": reason, "days": days}
        with speaking(console, given) as client:
            made = client.request("POST", place(given, "referrals"), body)
            told = {"referral": made["relation"], "to": to}
            message = msgspec.convert({**told, "terms": made["terms"], "ends": made["ends"]}, Refer)
            height = _signed(client, made, [message])
        lines = [console.of("node", "referred", referral=made["relation"], height=height)]
        console.show({"ok": True, "referral": made["relation"], "height": height}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--person", required=True),
        id_option(console, "--to", required=True),
        id_option(console, "--team", multiple=True),
        option(console, "--reason", required=True, metavar="NAME"),
        option(console, "--days", type=values.whole(console, int), default=30, metavar="DAYS"),
    ]
    return command(console, "refer", run, params)


def _accept(console: Console) -> Command:
    def run(referral: str, person: str, **given: Any) -> int:
        with speaking(console, given) as client:
            path = place(given, f"referrals/{referral}/accept")
            made = client.request("POST", path, {"person": person})
            height = _signed(client, made, [AcceptReferral(referral=referral)])
        lines = [console.of("node", "relation_changed", relation=referral, height=height)]
        console.show({"ok": True, "referral": referral, "height": height}, lines)
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--referral", required=True),
        id_option(console, "--person", required=True),
    ]
    return command(console, "accept-referral", run, params)


def _finish(console: Console, name: str, noun: str, verb: str) -> Command:
    def run(**given: Any) -> int:
        relation = given.pop(noun)
        with speaking(console, given) as client:
            answer = client.request("POST", place(given, f"{noun}s/{relation}/{verb}"))
        lines = [console.of("node", "relation_changed", relation=relation, height=answer["height"])]
        console.show({"ok": True, **answer}, lines)
        return DONE

    return command(console, name, run, [id_option(console, f"--{noun}", required=True)])


def _relations(console: Console) -> Command:
    def run(person: str, **given: Any) -> int:
        with speaking(console, given) as client:
            answer = client.request("GET", place(given, f"persons/{person}/relations"))
        lines = [
            console.of(
                "node",
                "relation_line",
                relation=each["relation"],
                kind=each["kind"],
                status=each["status"],
                team=", ".join(each["team"]) or "*",
            )
            for each in answer["relations"]
        ] or [console.of("node", "no_relations")]
        console.show({"ok": True, **answer}, lines)
        return DONE

    return command(console, "relations", run, [id_option(console, "--person", required=True)])
