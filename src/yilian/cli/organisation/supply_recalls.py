"""Recalls as they are followed here, and where packs came from and went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import speaking
from yilian.cli.organisation.supply_asking import TEXTS, address, command, option
from yilian.cli.shape import Command

_COUNTS = ("held", "away", "coming", "dispensed", "ended", "persons")


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [
        _list(console),
        _finding(console),
        _confirm(console),
        _progress(console),
        _trace(console),
    ]


def _recall(console: Console) -> click.Argument:
    return click.Argument(["recall"], metavar="ID", type=values.id_of(console))


def _list(console: Console) -> Command:
    def run(**given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", address(given, "recalls"))
        lines = [_listed(console, each) for each in found["recalls"]]
        console.show({"ok": True, **found}, lines or [console.of(TEXTS, "no_recalls")])
        return DONE

    return command(console, "recalls", run, [])


def _listed(console: Console, each: Mapping[str, Any]) -> str:
    said = each["answer"]
    return console.of(
        TEXTS,
        "recall_line" if each["ended"] is None else "recall_ended",
        recall=each["recall"],
        time=console.moment(each["issued"]),
        gtin=each["gtin"],
        lots=", ".join(each["lots"]) or "-",
        grade=each["grade"],
        reason=each["reason"],
        answer="-" if said is None else _said(console, said),
    )


def _said(console: Console, said: Mapping[str, Any]) -> str:
    key = "recall_confirmed" if said["confirmed"] else "recall_counted"
    return console.of(TEXTS, key, **{name: said[name] for name in _COUNTS})


def _finding(console: Console) -> Command:
    def run(recall: str, **given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", address(given, f"recalls/{recall}"))
        lines = [_listed(console, found["recall"])]
        lines += [
            console.of(
                TEXTS,
                "recalled_unit",
                unit=each["unit"],
                where=_where(console, each),
                standing=console.of(TEXTS, f"standing/{each['standing']}"),
                place=each["place"] or "-",
            )
            for each in found["units"]
        ]
        if found["more"]:
            lines.append(console.of(TEXTS, "inside_more"))
        console.show({"ok": True, **found}, lines)
        return DONE

    return command(console, "recall", run, [_recall(console)])


def _where(console: Console, each: Mapping[str, Any]) -> str:
    return console.of(TEXTS, f"where/{each['where'] or 'unknown'}")


def _confirm(console: Console) -> Command:
    def run(recall: str, **given: Any) -> int:
        with speaking(console, given) as client:
            done = client.request("POST", address(given, f"recalls/{recall}/confirm"))
        console.show({"ok": True, **done}, [_said(console, done["answer"])])
        return DONE

    return command(console, "confirm-recall", run, [_recall(console)])


def _progress(console: Console) -> Command:
    def run(recall: str, **given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", address(given, f"recalls/{recall}/progress"))
        lines = [
            console.of(
                TEXTS,
                f"heard/{each['heard']}",
                organisation=each["organisation"],
                answer="-" if each["answer"] is None else _said(console, each["answer"]),
            )
            for each in found["members"]
        ]
        console.show({"ok": True, **found}, lines)
        return DONE

    return command(console, "recall-progress", run, [_recall(console)])


# -- trace -----------------------------------------------------------------------------------------


def _trace(console: Console) -> Command:
    def run(
        code: str | None, gtin: str | None, lot: str | None, members: bool, **given: Any
    ) -> int:
        if (code is None) == (gtin is None or lot is None):
            raise console.usage("either", one="CODE", other="--gtin --lot")
        if members and code is None:
            raise console.usage("missing", name="CODE")
        asked = {"code": code} if code is not None else {"gtin": gtin, "lot": lot}
        with speaking(console, given) as client:
            rest = "trace/members" if members else "trace"
            found = client.request("GET", address(given, rest, asked))
        lines = _hops(console, found) if members else _tree(console, found)
        console.show({"ok": True, **found}, lines)
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["code"], metavar="[CODE]", required=False),
        option(console, "--gtin", metavar="GTIN"),
        option(console, "--lot", metavar="LOT"),
        option(console, "--members", is_flag=True),
    ]
    return command(console, "trace", run, params)


def _tree(console: Console, found: Mapping[str, Any]) -> Iterator[str]:
    for each in found["items"]:
        name = each["item"] if each["gtin"] or not each["lot"] else f"{each['item']} {each['lot']}"
        yield console.of(TEXTS, "trace_item", item=name, where=_where(console, each))
        for way in ("made_from", "made_into"):
            for other in each[way]:
                yield console.of(TEXTS, f"trace_{way}", item=other)
        yield from (_moment(console, moment, moment["cases"]) for moment in each["life"])
    if found["more"]:
        yield console.of(TEXTS, "inside_more")


def _hops(console: Console, found: Mapping[str, Any]) -> Iterator[str]:
    yield found["unit"]
    for each in found["hops"]:
        yield console.of(TEXTS, "trace_hop", organisation=each["organisation"])
        yield from (_moment(console, moment, ()) for moment in each["moments"])
        if each["fault"]:
            yield console.of(TEXTS, "trace_fault", fault=each["fault"])
        elif each["to"]:
            yield console.of(TEXTS, "trace_to", organisation=each["to"])


def _moment(console: Console, moment: Mapping[str, Any], cases: Any) -> str:
    return console.of(
        TEXTS,
        "trace_moment",
        time=console.moment(moment["at"]),
        act=moment["act"],
        place=moment.get("place") or "-",
        cases=", ".join(cases) or "-",
    )
