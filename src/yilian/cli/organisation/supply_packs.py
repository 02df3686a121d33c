"""Packs, cases and devices as they are known here: their lives, the stock, shipments, alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import speaking
from yilian.cli.organisation.supply_asking import (
    TEXTS,
    address,
    code_argument,
    command,
    id_option,
    number_option,
    option,
    place,
)
from yilian.cli.shape import Choice, Command

FINDINGS = ("false_alarm", "confirmed", "data_error")
_DAYS = ("expiry_days", "transit_days", "cover_days")


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    makers = (_unit, _device, _stock, _minimum, _shipments, _decline, _alerts, _close, _verify)
    return [make(console) for make in makers]


def _unit(console: Console) -> Command:
    def run(code: str, **given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", address(given, "units", {"code": code}))
        console.show({"ok": True, **found}, _life(console, found))
        return DONE

    return command(console, "unit", run, [code_argument()])


def _life(console: Console, found: Mapping[str, Any]) -> Iterator[str]:
    yield from _described(console, found["unit"])
    for each in found["inside"]:
        yield console.of(TEXTS, "inside", unit=each["unit"], standing=standing(console, each))
    if found["more"]:
        yield console.of(TEXTS, "inside_more")
    for each in found["history"]:
        yield console.of(
            TEXTS,
            "moment",
            time=console.moment(each["at"]),
            act=each["act"],
            standing=standing(console, each),
            holder=each["holder"] or "-",
            place=each["place"] or "-",
        )


def standing(console: Console, unit: Mapping[str, Any]) -> str:
    """Say a standing in words."""
    name = unit["standing"]
    return console.of(TEXTS, f"standing/{name}") if name else "-"


def _described(console: Console, unit: Mapping[str, Any]) -> Iterator[str]:
    yield console.of(TEXTS, "unit_line", unit=unit["unit"], standing=standing(console, unit))
    yield console.of(
        TEXTS,
        "unit_detail",
        lot=unit["lot"] or "-",
        expiry=unit["expiry"] or "-",
        parent=unit["parent"] or "-",
        holder=unit["holder"] or "-",
        place=unit["place"] or "-",
    )


def _device(console: Console) -> Command:
    def run(code: str, **given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", address(given, "devices", {"code": code}))
        lines = [*_described(console, found["unit"])]
        key = "device_single" if found["single_use"] else "device"
        left = "-" if found["left"] is None else found["left"]
        lines.append(console.of(TEXTS, key, uses=found["uses"], left=left))
        lines.append(
            console.of(TEXTS, "device_sterile" if found["sterile"] else "device_unsterile")
        )
        lines += [
            console.of(
                TEXTS,
                "cycle",
                time=console.moment(each["at"]),
                mark=each["mark"],
                reference=each["reference"] or "-",
            )
            for each in found["cycles"]
        ]
        console.show({"ok": True, **found}, lines)
        return DONE

    return command(console, "device", run, [code_argument()])


# -- stock -----------------------------------------------------------------------------------------


def _stock(console: Console) -> Command:
    def run(gtin: str | None, lot: str | None, place: str | None, **given: Any) -> int:
        asked = {"gtin": gtin, "lot": lot, "place": _place(console, place)}
        asked |= {name: given[name] for name in _DAYS}
        with speaking(console, given) as client:
            found = client.request("GET", address(given, "stock", asked))
        console.show({"ok": True, **found}, _stocked(console, found))
        return DONE

    params: list[click.Parameter] = [
        option(console, "--gtin", metavar="GTIN"),
        option(console, "--lot", metavar="LOT"),
        option(console, "--place", metavar="GLN|URI"),
        *(number_option(console, f"--{name.replace('_', '-')}") for name in _DAYS),
    ]
    return command(console, "stock", run, params)


def _place(console: Console, text: str | None) -> str | None:
    return None if text is None else place(console, text)


def _stocked(console: Console, found: Mapping[str, Any]) -> Iterator[str]:
    if not found["lines"] and not found["lots"]:
        yield console.of(TEXTS, "no_stock")
    for each in found["lines"]:
        told = {name: each[name] or "-" for name in ("gtin", "lot", "expiry", "place", "packs")}
        yield console.of(TEXTS, "stock_line", standing=standing(console, each), **told)
    for each in found["lots"]:
        told = {name: "-" if value in (None, "") else value for name, value in each.items()}
        yield console.of(TEXTS, "stock_lot" if each["days"] is None else "stock_lot_soon", **told)
    for kind in ("expiring", "delayed", "short"):
        for each in found[kind]:
            told = {name: "-" if value in (None, "") else value for name, value in each.items()}
            yield console.of(TEXTS, f"stock_{kind}", **told)


def _minimum(console: Console) -> Command:
    def run(gtin: str, place: str, least: int, **given: Any) -> int:
        body = {"gtin": gtin, "place": _place(console, place), "least": least}
        with speaking(console, given) as client:
            kept = client.request("PUT", address(given, "stock/minimum"), body)
        console.show({"ok": True, **kept}, [console.of(TEXTS, "minimum", **kept)])
        return DONE

    params: list[click.Parameter] = [
        option(console, "--gtin", metavar="GTIN", required=True),
        option(console, "--place", metavar="GLN|URI", required=True, envvar="YILIAN_PLACE"),
        number_option(console, "--least", required=True),
    ]
    return command(console, "minimum", run, params)


# -- shipments -------------------------------------------------------------------------------------


def _shipments(console: Console) -> Command:
    def run(shipment: str | None, **given: Any) -> int:
        with speaking(console, given) as client:
            if shipment is not None:
                found = client.request("GET", address(given, f"shipments/{shipment}"))
                told = {name: found[name] for name in ("shipment", "to", "units")}
                state = console.of(TEXTS, f"shipment_state/{found['state']}")
                lines = [console.of(TEXTS, "shipment_sent", state=state, **told)]
                console.show({"ok": True, **found}, lines)
                return DONE
            found = client.request("GET", address(given, "shipments"))
        lines = [_incoming(console, each) for each in found["shipments"]]
        console.show({"ok": True, **found}, lines or [console.of(TEXTS, "no_shipments")])
        return DONE

    return command(console, "shipments", run, [id_option(console, "--shipment")])


def _incoming(console: Console, each: Mapping[str, Any]) -> str:
    state = "refused" if each["fault"] else "checked" if each["checked"] else "unchecked"
    return console.of(
        TEXTS,
        f"shipment_{state}",
        shipment=each["shipment"],
        sender=each["sender"],
        units=each["count"],
        time=console.moment(each["at"]),
        fault=each["fault"],
    )


def _decline(console: Console) -> Command:
    def run(shipment: str, **given: Any) -> int:
        with speaking(console, given) as client:
            done = client.request("POST", address(given, f"shipments/{shipment}/decline"))
        console.show({"ok": True, **done}, [console.of(TEXTS, "declined", **done)])
        return DONE

    return command(console, "decline", run, [id_option(console, "--shipment", required=True)])


# -- alerts ----------------------------------------------------------------------------------------


def _alerts(console: Console) -> Command:
    def run(severity: str | None, closed: bool, **given: Any) -> int:
        asked = {"severity": severity, "closed": "true" if closed else None, "limit": 200}
        found: list[dict[str, Any]] = []
        with speaking(console, given) as client:
            while True:
                page = client.request("GET", address(given, "alerts", asked))
                found += page["alerts"]
                if page["next"] is None:
                    break
                asked["after"] = page["next"]
        lines = [line for each in found for line in _alert(console, each)]
        console.show({"ok": True, "alerts": found}, lines or [console.of(TEXTS, "no_alerts")])
        return DONE

    params: list[click.Parameter] = [
        option(console, "--severity", type=Choice(console, ("error", "suspect"))),
        option(console, "--closed", is_flag=True),
    ]
    return command(console, "alerts", run, params)


def _alert(console: Console, each: Mapping[str, Any]) -> Iterator[str]:
    yield console.of(
        TEXTS,
        "alert_line",
        alert=each["alert"],
        time=console.moment(each["raised"]),
        severity=console.of(TEXTS, f"severity/{each['severity']}"),
        title=each["title"],
        unit=each["unit"] or "-",
    )
    yield "  " + each["detail"]
    if each["closed"] is not None:
        told = {"time": console.moment(each["closed"]), "finding": each["finding"]}
        yield "  " + console.of(TEXTS, "alert_closed", **told)


def _close(console: Console) -> Command:
    def run(alert: str, finding: str, together: bool, **given: Any) -> int:
        body = {"finding": finding, "together": together}
        with speaking(console, given) as client:
            done = client.request("POST", address(given, f"alerts/{alert}/close"), body)
        console.show({"ok": True, **done}, [console.of(TEXTS, "alerts_closed", **done)])
        return DONE

    params: list[click.Parameter] = [
        id_option(console, "--alert", required=True),
        option(console, "--finding", type=Choice(console, FINDINGS), required=True),
        option(console, "--together", is_flag=True),
    ]
    return command(console, "close-alert", run, params)


# -- verification ----------------------------------------------------------------------------------


def _verify(console: Console) -> Command:
    def run(code: str, context: str, **given: Any) -> int:
        body = {"code": code, "context": context}
        with speaking(console, given) as client:
            said = client.request("POST", address(given, "verifications"), body)
        told = {"product": said["product"], "gtin": said["gtin"], "serial": said["serial"]}
        lines = [
            console.of(TEXTS, "verified" if said["verified"] else "not_verified", **told),
            said["why"],
        ]
        if not said["verified"]:
            lines += [said["title"], said["do"]]
        console.show({"ok": True, **said}, lines)
        return DONE

    params: list[click.Parameter] = [
        code_argument(),
        option(console, "--context", default="", metavar="WORD"),
    ]
    return command(console, "verify", run, params)
