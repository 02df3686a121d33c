"""How packs were kept, how long a product may be too warm or too cold, and where sites are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from yilian.cli.console import DONE, Console
from yilian.cli.organisation.asking import speaking
from yilian.cli.organisation.supply_asking import (
    TEXTS,
    address,
    code_argument,
    command,
    number_option,
    option,
)
from yilian.cli.shape import Command
from yilian.cli.values import Value

MINUTE_MS = 60_000
MICRO = 1_000_000


def commands(console: Console) -> list[Command]:
    """Make the commands."""
    return [_cold(console), _budget(console), _site(console)]


def _cold(console: Console) -> Command:
    def run(code: str, **given: Any) -> int:
        with speaking(console, given) as client:
            found = client.request("GET", address(given, "temperatures", {"code": code}))
        console.show({"ok": True, **found}, _kept(console, found))
        return DONE

    return command(console, "cold", run, [code_argument()])


def _kept(console: Console, found: Mapping[str, Any]) -> Iterator[str]:
    yield found["unit"]
    if not found["readings"]:
        yield console.of(TEXTS, "no_readings")
    else:
        told = {name: celsius(found[name]) for name in ("lowest", "highest", "mean_kinetic")}
        yield console.of(TEXTS, "readings", readings=found["readings"], **told)
    for each in found["excursions"]:
        yield console.of(
            TEXTS,
            "excursion",
            start=console.moment(each["start"]),
            end="…" if each["end"] is None else console.moment(each["end"]),
            lowest=celsius(each["lowest"]),
            highest=celsius(each["highest"]),
        )
    if found["outside"] is not None:
        left = "-" if found["left"] is None else found["left"] // MINUTE_MS
        yield console.of(TEXTS, "outside", outside=found["outside"] // MINUTE_MS, left=left)
    yield console.of(TEXTS, "conforms" if found["conforms"] else "does_not_conform")


def celsius(hundredths: int | None) -> str:
    """Write hundredths of a degree as degrees C."""
    return "-" if hundredths is None else f"{Decimal(hundredths) / 100:.2f}"


def _budget(console: Console) -> Command:
    def run(
        gtin: str, minutes: int | None, floor: int | None, ceiling: int | None, **given: Any
    ) -> int:
        path = address(given, f"temperatures/budgets/{gtin}")
        with speaking(console, given) as client:
            if minutes is None:
                if floor is not None or ceiling is not None:
                    raise console.usage("missing", name="--minutes")
                found = client.request("GET", path)
            else:
                body = {"outside": minutes * MINUTE_MS, "floor": floor, "ceiling": ceiling}
                found = client.request("PUT", path, body)
        told = {name: celsius(found[name]) for name in ("floor", "ceiling")}
        minutes = found["outside"] // MINUTE_MS
        lines = [console.of(TEXTS, "budget", gtin=gtin, minutes=minutes, **told)]
        console.show({"ok": True, "gtin": gtin, **found}, lines)
        return DONE

    degrees = Value(console, "decimal", lambda text: _whole(text, 100))
    params: list[click.Parameter] = [
        click.Argument(["gtin"], metavar="GTIN"),
        number_option(console, "--minutes"),
        option(console, "--floor", type=degrees, metavar="CELSIUS"),
        option(console, "--ceiling", type=degrees, metavar="CELSIUS"),
    ]
    return command(console, "budget", run, params)


def _site(console: Console) -> Command:
    def run(gln: str, latitude: int | None, longitude: int | None, **given: Any) -> int:
        with speaking(console, given) as client:
            if latitude is None or longitude is None:
                listed = client.request("GET", address(given, "places"))["places"]
                found = [each for each in listed if each["gln"] == gln]
            else:
                body = {"latitude": latitude, "longitude": longitude}
                found = [client.request("PUT", address(given, f"places/{gln}"), body)]
        lines = [
            console.of(
                TEXTS,
                "site",
                gln=each["gln"],
                latitude=str(Decimal(each["latitude"]) / MICRO),
                longitude=str(Decimal(each["longitude"]) / MICRO),
            )
            for each in found
        ]
        console.show({"ok": True, "places": found}, lines or [console.of(TEXTS, "no_site")])
        return DONE

    degrees = Value(console, "decimal", lambda text: _whole(text, MICRO))
    params: list[click.Parameter] = [
        click.Argument(["gln"], metavar="GLN"),
        option(console, "--latitude", type=degrees, metavar="DEGREES"),
        option(console, "--longitude", type=degrees, metavar="DEGREES"),
    ]
    return command(console, "site", run, params)


def _whole(text: str, times: int) -> int:
    """Read a decimal number as so many parts of one; refuses finer ones and others."""
    try:
        number = Decimal(text) * times
        if not number.is_finite() or number != number.to_integral_value():
            raise ValueError(text)
    except InvalidOperation:
        raise ValueError(text) from None
    return int(number)
