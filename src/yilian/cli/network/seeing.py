"""`yilian network status`: heights, hashes, peers and votes of all members side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from yilian.bootstrap.overview import LAGS, Overview, Standing, overview
from yilian.cli.console import DONE, REFUSED, UNREACHABLE, Console
from yilian.cli.network import asking


def commands(console: Console) -> list[click.Command]:
    """Make the command."""

    def run(folder: Path) -> int:
        chain, addresses = asking.addresses(console, folder)
        seen = overview(addresses)
        console.show(_told(seen), _lines(console, chain, seen))
        if all(each.height is None for each in seen.members):
            console.note(console.of("network", "next_up", folder=str(folder)))
            return UNREACHABLE
        return DONE if seen.agree else REFUSED

    return [asking.command(console, "status", run, [asking.folder(console)])]


def _told(seen: Overview) -> dict[str, object]:
    members = [
        {**each._asdict(), "lag": seen.lag(each), "peers": each.peers} for each in seen.members
    ]
    return {
        "ok": seen.agree and any(each.height is not None for each in seen.members),
        "height": seen.height,
        "law": seen.law,
        "compared": seen.compared,
        "agree": seen.agree,
        "differ": seen.differ,
        "split": seen.split,
        "members": members,
        "validators": [each._asdict() for each in seen.voters],
    }


def _lines(console: Console, chain: str, seen: Overview) -> Iterator[str]:
    names = {each.organisation: each.name for each in seen.members}
    of = console.of
    yield of("network", "chain_line", chain=chain, height=seen.height, law=seen.law or "?")
    for each in seen.members:
        yield _line(console, seen, each)
    total = sum(each.power for each in seen.voters)
    for voter in seen.voters:
        yield of(
            "network",
            "voter_signed" if voter.signed else "voter_missed",
            name=names.get(voter.organisation or "", voter.organisation or voter.address),
            power=voter.power,
            total=total,
        )
    if seen.compared:
        key = "block_same" if not seen.differ else "block_differs"
        yield of("network", key, height=seen.compared)
    for hashes in (seen.differ, seen.split):
        for value, members in hashes.items():
            yield of("network", "hash_of", hash=value, members=", ".join(members))
    if seen.split:
        yield of("network", "state_differs")
    if not seen.agree:
        yield of("network", "next_differ")


def _line(console: Console, seen: Overview, each: Standing) -> str:
    of = console.of
    if each.height is None:
        return of("network", "member_away", name=each.name, gateway=each.gateway)
    marks = []
    if seen.lag(each) >= LAGS:
        marks.append(of("network", "marks/lags", blocks=seen.lag(each)))
    if each.problem == "not_ready":
        marks.append(of("network", "marks/not_ready"))
    if each.peers is not None:
        marks.append(of("network", "marks/peers", count=len(each.peers)))
    return of(
        "network",
        "member_line",
        name=each.name,
        gateway=each.gateway,
        height=each.height,
        root=(each.app_hash or "")[:16],
        time=console.moment(each.time or 0),
        marks=" ".join(f"[{mark}]" for mark in marks),
    ).rstrip()
