"""What is done to packs, cases and devices: at once, or kept in a counter's queue for later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
import msgspec

from yilian.cli import connect, values
from yilian.cli.console import DONE, REFUSED, Console
from yilian.cli.organisation.asking import speaking
from yilian.cli.organisation.supply_asking import (
    TEXTS,
    address,
    codes,
    command,
    id_option,
    option,
    place,
    sent,
)
from yilian.cli.shape import Choice, Command, Option
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.sdk import drafts
from yilian.sdk.errors import UnreachableError


class Action(NamedTuple):
    """A command, the action that it asks for, and the options that are its own.

    Those with `!` must be given; `error` is the reason of an error. `codes`: that units must be
    named.
    """

    name: str
    action: str
    own: tuple[str, ...] = ()
    codes: bool = True


ACTIONS = (
    Action("commission", "commission", ("lot!", "expiry")),
    Action("aggregate", "aggregate", ("parent!",)),
    Action("disaggregate", "disaggregate", ("parent!",), codes=False),
    Action("ship", "ship", ("to!", "returning")),
    Action("receive", "receive", ("shipment", "missing", "counted")),
    Action("dispense", "dispense", ("part",)),
    Action("return", "return", ("shipment",)),
    Action("restock", "restock"),
    Action("quarantine", "quarantine", ("reason!",)),
    Action("release", "release"),
    Action("decommission", "decommission"),
    Action("destroy", "destroy"),
    Action("steal", "report_stolen"),
    Action("lose", "report_lost"),
    Action("sample", "sample"),
    Action("export", "export"),
    Action("use", "use", ("reference",)),
    Action("sterilise", "sterilise"),
    Action("declare-error", "declare_error", ("declares!", "error!", "corrective"), codes=False),
)
_FIELDS = (
    "lot",
    "expiry",
    "parent",
    "to",
    "returning",
    "shipment",
    "part",
    "reason",
    "reference",
    "declares",
    "corrective",
    "counted",
)


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [*(_act(console, each) for each in ACTIONS), _hand_in(console)]


def _act(console: Console, action: Action) -> Command:
    def run(codes_given: tuple[str, ...], codes_file: str | None, **given: Any) -> int:
        units = codes(console, codes_given, codes_file, needed=action.codes)
        order = _order(console, given, units)
        if given["queue"] is not None:
            return _keep(console, given, action.action, order)
        path = address(given, f"actions/{action.action}")
        try:
            with speaking(console, given) as client:
                done, code = sent(console, client, "POST", path, order)
        except UnreachableError:
            console.note(console.of(TEXTS, "repeat", order=order["key"]))
            raise
        if code is not None:
            return code
        console.show({"ok": True, **done}, _lines(console, done))
        return DONE

    params: list[click.Parameter] = [
        click.Argument(["codes_given"], metavar="CODE...", nargs=-1),
        *_common(console),
        *(_own(console, each) for each in action.own),
    ]
    return command(console, action.name, run, params)


def _common(console: Console) -> list[click.Parameter]:
    codes_note = console.of(TEXTS, "options/codes")
    moment = values.moment(console)
    return [
        Option(console, ["codes_file", "--codes"], codes_note, metavar="FILE"),
        option(console, "--place", metavar="GLN|URI", required=True, envvar="YILIAN_PLACE"),
        option(console, "--at", type=moment, metavar="TIME"),
        option(console, "--offset", metavar="+08:00"),
        id_option(console, "--order"),
        option(console, "--queue", type=values.file(console), metavar="FILE"),
    ]


def _own(console: Console, name: str) -> click.Parameter:
    needed, name = name.endswith("!"), name.removesuffix("!")
    flag = f"--{name}"
    if name in ("to", "shipment", "reference", "declares"):
        return id_option(console, flag, required=needed)
    if name in ("returning", "part", "counted"):
        return option(console, flag, is_flag=True)
    if name in ("reason", "error"):
        from yilian.gateway.supply.orders import ErrorReason, HoldReason

        words = get_args(HoldReason if name == "reason" else ErrorReason)
        return option(console, "--reason", type=Choice(console, words), required=needed)
    if name in ("corrective", "missing"):
        metavar = "EVENT" if name == "corrective" else "CODE"
        return option(console, flag, metavar=metavar, multiple=True)
    metavars = {"lot": "LOT", "expiry": "YYYY-MM-DD", "parent": "CODE"}
    return option(console, flag, metavar=metavars[name], required=needed)


def _order(console: Console, given: Mapping[str, Any], units: Sequence[str]) -> dict[str, Any]:
    """Write the order; the key is drawn here, so that the same order can be asked for again."""
    from yilian.gateway.supply.orders import Order

    order: dict[str, Any] = {
        "key": given["order"] or drafts.fresh_id(),
        "units": [{"code": each} for each in units],
        "place": place(console, given["place"]),
    }
    for name in ("at", "offset", *_FIELDS):
        if given.get(name):
            order[name] = given[name]
    if given.get("missing"):
        order["missing"] = [{"code": each} for each in given["missing"]]
    try:
        msgspec.convert(order, Order)
    except msgspec.ValidationError as problem:
        field = str(problem).rpartition("$.")[2].rstrip("`") or "units"
        name = "CODE..." if field.startswith("units") else f"--{field}"
        raise console.usage("expects", name=name, expected=console.words("expects/text")) from None
    return order


def _lines(console: Console, done: dict[str, Any]) -> list[str]:
    lines = [
        console.of(TEXTS, "unit_line", unit=each["unit"], standing=_standing(console, each))
        for each in done["units"]
    ]
    key = "done_again" if done["replayed"] else "done"
    told = {"units": len(done["units"]), "time": console.moment(done["at"]), "order": done["key"]}
    lines.append(console.of(TEXTS, key, **told))
    lines += [console.of(TEXTS, "missing", unit=each) for each in done["missing"]]
    if done.get("shipment"):
        lines.append(console.of(TEXTS, "shipment", shipment=done["shipment"]))
    return lines


def _standing(console: Console, unit: Mapping[str, Any]) -> str:
    return console.of(TEXTS, f"standing/{unit['standing']}")


# -- a counter without a connection ----------------------------------------------------------------


def _keep(console: Console, given: dict[str, Any], action: str, order: dict[str, Any]) -> int:
    """Write an action at the end of a counter's queue, signed; no node is asked."""
    from yilian.gateway.supply.counter import CounterFile
    from yilian.gateway.supply.orders import Order

    order.setdefault("at", values.moment(console).convert("now", None, None))
    (signer,) = connect.signers({**given, "countersign": ()}, connect.passphrase(console, given))
    try:
        file = CounterFile(given["queue"], signer.key_id, signer.sign)
        line = file.add(action, msgspec.convert(order, Order))  # type: ignore[arg-type]
    except OSError:
        raise console.usage("not_written", path=str(given["queue"])) from None
    told: dict[str, int | str] = {"number": line.line.number, "path": str(given["queue"])}
    console.show({"ok": True, "order": order["key"], **told}, [console.of(TEXTS, "kept", **told)])
    return DONE


def _hand_in(console: Console) -> Command:
    def run(file: Path, **given: Any) -> int:
        lines = _queue(console, file)
        answers: list[dict[str, Any]] = []
        if lines:
            with speaking(console, given) as client:
                counter = lines[0]["line"]["counter"]
                state = client.request("GET", address(given, f"queue/{counter}"))
                left = [each for each in lines if each["line"]["number"] >= state["expected"]]
                while left:
                    most, left = left[:500], left[500:]
                    body = {"lines": most}
                    answers += client.request("POST", address(given, "queue"), body)["answers"]
        refused = [each for each in answers if each.get("refused")]
        shown = [_answer(console, each) for each in answers]
        told = {"lines": len(answers), "refused": len(refused)}
        shown.append(console.of(TEXTS, "handed_in", **told))
        console.show({"ok": not refused, "answers": answers, **told}, shown)
        return REFUSED if refused else DONE

    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE", type=values.file(console))
    ]
    return command(console, "queue", run, params)


def _queue(console: Console, file: Path) -> list[dict[str, Any]]:
    try:
        found = [codec.decode(each, dict[str, Any]) for each in file.read_bytes().splitlines()]
        if any(not isinstance(each["line"]["number"], int) for each in found):
            raise ValueError
        return found
    except (OSError, ValueError, LookupError, TypeError, Refusal):
        raise console.usage("unreadable", path=str(file)) from None


def _answer(console: Console, each: dict[str, Any]) -> str:
    if not each.get("refused"):
        done = each["done"]
        told = {"action": done["action"], "units": len(done["units"])}
        return console.of(TEXTS, "queue_done", number=each["number"], **told)
    units = ", ".join(unit for unit, _ in each.get("units", ())) or "-"
    return console.of(
        TEXTS, "queue_refused", number=each["number"], code=each["refused"], units=units
    )
