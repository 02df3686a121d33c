"""Companies, products, recalls, alerts and posts over HTTP, single, listed and proved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chain import Cast, digest_of, name_of
from tests.http.node import UNKNOWN, Node, problem
from tests.rules.supply.cast import GTIN, OTHER_PREFIX, PREFIX, gln, gtin
from yilian.ledger.modules.governance.state import LAWS_KNOWN
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.state import nullifier_key, pace, post_key

LISTS = [f"/v1/supply/{each}" for each in ("companies", "products", "credentials", "recalls")]
LISTS.append("/v1/supply/alerts")
SINGLE = [*LISTS, *[f"/v1/supply/{each}" for each in ("posts", "nullifiers", "view-keys", "views")]]


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node under the newest law, with a company, two products, a recall and a post."""
    cast = Cast(law=max(LAWS_KNOWN))
    node = Node(tmp_path_factory.mktemp("trading"), cast=cast)
    own = cast.hospital
    node.must(
        own,
        supply.RegisterCompany(company=name_of("company"), gln=gln(1), prefixes=[PREFIX]),
        *[
            supply.RegisterProduct(
                gtin=each, kind="medicine", name="阿莫西林", responder=cast.insurer.id
            )
            for each in (GTIN, gtin(2))
        ],
        supply.EndProduct(gtin=gtin(2)),
        supply.IssueRecall(
            recall=name_of("recall"),
            gtin=GTIN,
            grade=1,
            reason="falsified",
            lots=["L-1"],
            serials=[],
        ),
        supply.RaiseAlert(
            alert=name_of("alert"), gtin=GTIN, kind="clone", commitment=digest_of("seen")
        ),
    )
    node.must(own, _post(node))
    yield node
    node.close()


def _post(node: Node) -> supply.Post:
    state = node.engine.state()
    now = node.engine.now()
    return supply.Post(
        interval=pace(state, now).at(now),
        root=digest_of("root"),
        nullifiers=[digest_of(f"nullifier {slot}") for slot in range(8)],
    )


def test_single_records(trading: Node) -> None:
    own = trading.cast.hospital.id
    nullifier = nullifier_key(own, digest_of("nullifier 3"))
    place = trading.get(f"/v1/supply/nullifiers/{nullifier}").json()["value"]
    for path, name, part in (
        ("companies", name_of("company"), {"gln": gln(1), "prefixes": [PREFIX]}),
        ("products", GTIN, {"owner": own, "responder": trading.cast.insurer.id}),
        ("recalls", name_of("recall"), {"gtin": GTIN, "lots": ["L-1"]}),
        ("alerts", name_of("alert"), {"kind": "clone"}),
        ("posts", post_key(own, place["interval"]), {"root": digest_of("root")}),
        ("nullifiers", nullifier, {"slot": 3}),
    ):
        for proof in ("", "?proof=true"):
            body = trading.get(f"/v1/supply/{path}/{name}{proof}").json()
            assert body["id"] == name
            assert part.items() <= body["value"].items()
            assert ("proof" in body) == (proof != "")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (f"companies?gln={gln(2)}", []),
        (f"companies?gln={gln(1)}", [name_of("company")]),
        ("companies?status=registered", [name_of("company")]),
        ("products", [gtin(2), GTIN]),
        ("products?status=registered", [GTIN]),
        ("products?offered=nobody", []),
        ("credentials", []),
        (f"recalls?gtin={GTIN}&status=standing", [name_of("recall")]),
        (f"recalls?gtin={gtin(1, OTHER_PREFIX)}", []),
        ("alerts?finding=waiting&kind=clone", [name_of("alert")]),
    ],
)
def test_filters(trading: Node, query: str, names: list[str]) -> None:
    items = trading.get(f"/v1/supply/{query}").json()["items"]
    assert [each["id"] for each in items] == names


@pytest.mark.parametrize("path", SINGLE)
def test_unknown_and_malformed_names(trading: Node, path: str) -> None:
    problem(trading.get(f"{path}/{UNKNOWN}"), "not_found", 404)
    problem(trading.get(f"{path}/{UNKNOWN}?proof=true"), "not_found", 404)
    problem(trading.get(f"{path}/{UNKNOWN}?proof=yes"), "bad_parameter", 400)
    for bad in ("x", "9" * 14, "%E4%BA%91" * 14, "..%2F..%2Fetc"):
        answer = trading.get(f"{path}/{bad}")
        assert answer.status_code in (400, 404)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", LISTS)
def test_bad_lists(trading: Node, path: str) -> None:
    for query in ("limit=0", "nothing=1", "seq=1", "status=", "status=a&status=b"):
        problem(trading.get(f"{path}?{query}"), "bad_parameter", 400)


@pytest.mark.parametrize("path", [each for each in SINGLE if each not in LISTS])
def test_what_has_no_list(trading: Node, path: str) -> None:
    problem(trading.get(path), "not_found", 404)


def test_a_nullifier_is_asked_for_with_its_organisation(trading: Node) -> None:
    nullifier = digest_of("nullifier 3")
    stranger = nullifier_key(trading.cast.insurer.id, nullifier)
    problem(trading.get(f"/v1/supply/nullifiers/{stranger}"), "not_found", 404)
    problem(trading.get(f"/v1/supply/nullifiers/{nullifier}"), "not_found", 404)


def test_a_double_spend_is_refused_and_names_the_nullifier_alone(trading: Node) -> None:
    name = nullifier_key(trading.cast.hospital.id, digest_of("nullifier 0"))
    last = trading.get(f"/v1/supply/nullifiers/{name}").json()["value"]
    post = _post(trading)
    late = supply.Post(interval=last["interval"] + 1, root=post.root, nullifiers=post.nullifiers)
    raw = trading.cast.sign(trading.cast.hospital, late)
    told = problem(trading.post(raw), "supply.spent", 409)
    assert told["parameters"] == {"nullifier": digest_of("nullifier 0")}
    assert digest_of("nullifier 0") in told["detail"]
