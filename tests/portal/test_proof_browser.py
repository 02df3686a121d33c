"""The portal's proofs in a browser: a real node's hold, and nothing altered on the way does."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.town import Town
from tests.rows.served import Served
from yilian.portal.built import DIST
from yilian.sdk import drafts
from yilian.sdk.trust import check_number

pytestmark = pytest.mark.slow

VERIFIED = "checked by this browser"
FALSE = "Does not verify: do not rely on this"
RECEIPT = "**/v1/transactions/*/receipt"
OUTCOME = "**/v1/transactions/*"
SUBJECT = "**/v1/identity/subjects/*"
STATE = "**/v1/state?*"


class Site(NamedTuple):
    """A node with its portal, and a transaction of it."""

    served: Served
    transaction: str

    @property
    def path(self) -> str:
        """The path of the transaction's page."""
        return f"/en/explorer/transactions/{self.transaction}"

    @property
    def page(self) -> str:
        """Its address."""
        return self.served.url + self.path

    @property
    def subject(self) -> str:
        """The address of an organisation's page."""
        return f"{self.served.url}/en/explorer/subjects/{self.served.a.id}"


@pytest.fixture(scope="module")
def site(town: Town) -> Site:
    """The town's node, and a transaction that says little."""
    return Site(town, _anchored(town))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Another chain of the same name: what a server would show that was set up anew."""
    with Served(tmp_path_factory.mktemp("others") / "node") as served:
        yield Site(served, _anchored(served))


def _anchored(served: Served) -> str:
    with served.client(served.a) as client:
        done = client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
        client.receipt(done.hash)
        return done.hash


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a browser that was nowhere before; what it meets may be faulty."""
    context = browser.new_context(accept_downloads=True)
    made = context.new_page()
    yield made
    # What the page asked last may still be on its way when the test has seen enough.
    made.unroute_all(behavior="ignoreErrors")
    context.close()


def _badge(page: Any, words: str) -> Any:
    found = page.get_by_role("button", name=words)
    found.wait_for(timeout=20_000)
    return found


def _altered(page: Any, address: str, change: Callable[[Any], None]) -> None:
    """Let one answer of the node come altered: `change` alters its JSON in place."""

    def answer(route: Any) -> None:
        fetched = route.fetch()
        told = fetched.json()
        change(told)
        route.fulfill(response=fetched, body=json.dumps(told))

    page.route(address, answer)


def test_a_receipt_of_the_node_is_checked_in_the_browser(
    site: Site, visit: Callable[..., Visitor]
) -> None:
    page = visit().open(site.path)
    badge = _badge(page, VERIFIED)
    assert badge.get_attribute("aria-expanded") == "false"
    badge.focus()
    page.keyboard.press("Enter")
    text = page.get_by_role("group", name="Proof").inner_text()
    assert site.transaction in text
    assert "One member alone signs here" in text
    assert badge.get_attribute("aria-expanded") == "true"


@pytest.mark.parametrize(
    ("language", "words", "believed"),
    [("en", VERIFIED, "named at the first visit"), ("zh-CN", "本浏览器已核验", "给出的签名者")],
)
@pytest.mark.parametrize("width", WIDTHS)
def test_an_open_proof_is_for_all(
    site: Site,
    visit: Callable[..., Visitor],
    language: str,
    words: str,
    believed: str,
    width: int,
) -> None:
    visitor = visit(width=width)
    page = visitor.open(site.path.replace("/en/", f"/{language}/"))
    _badge(page, words).click()
    page.get_by_text(believed).wait_for()
    assert check_number(_trust(site)) in page.locator("main").inner_text()
    assert visitor.findings() == []
    assert not visitor.wider_than_window()


def _trust(site: Site) -> bytes:
    with site.served.client(site.served.a) as client:
        return json.dumps(client.trust()).encode()


def test_what_is_downloaded_is_what_was_verified(site: Site, page: Any, tmp_path: Path) -> None:
    page.goto(site.page)
    _badge(page, VERIFIED).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the proof").click()
    file = tmp_path / "receipt.json"
    download.value.save_as(file)
    with site.served.client(site.served.a) as client:
        assert json.loads(file.read_bytes()) == client.receipt(site.transaction)


def _next_letter(text: str) -> str:
    """A text in which one letter is another one of the same alphabet."""
    return ("1" if text[0] == "0" else "0") + text[1:]


def _header(paper: Any) -> None:
    paper["header"]["app_hash"] = _next_letter(paper["header"]["app_hash"])


def _next_header(paper: Any) -> None:
    paper["next_header"]["data_hash"] = _next_letter(paper["next_header"]["data_hash"])


def _signature(paper: Any) -> None:
    place = paper["commit"]["signatures"][0]
    place["signature"] = ("B" if place["signature"][0] == "A" else "A") + place["signature"][1:]


def _transaction(paper: Any) -> None:
    paper["transaction"] = paper["transaction"].replace("records.Anchor", "records.Bnchor")


def _result(paper: Any) -> None:
    paper["result"]["gas_used"] += 1


def _events(paper: Any) -> None:
    paper["events"][0]["record"] = drafts.fresh_id()


ALTERED = {
    "header_not_linked": _header,
    "wrong_block": _next_header,
    "bad_signature": _signature,
    "transaction_not_in_block": _transaction,
    "result_not_in_block": _result,
    "events_differ": _events,
}


@pytest.mark.parametrize("code", ALTERED)
def test_a_receipt_that_was_altered_on_the_way_turns_red(site: Site, page: Any, code: str) -> None:
    _altered(page, RECEIPT, ALTERED[code])
    page.goto(site.page)
    _badge(page, FALSE).click()
    alert = page.get_by_role("group", name="Proof").get_by_role("alert")
    assert code in alert.inner_text()
    assert page.get_by_role("button", name=VERIFIED).count() == 0


def test_a_page_that_shows_something_else_than_is_recorded_turns_red(site: Site, page: Any) -> None:
    _altered(page, OUTCOME, _events)
    page.goto(site.page)
    _badge(page, FALSE).click()
    assert "shown_differs" in page.get_by_role("alert").inner_text()


def test_a_record_of_the_state_is_checked_and_an_altered_one_turns_red(
    site: Site, page: Any
) -> None:
    page.goto(site.subject)
    _badge(page, VERIFIED)

    def rename(told: Any) -> None:
        told["value"]["name"] += "x"

    _altered(page, SUBJECT, rename)
    page.reload()
    _badge(page, FALSE)
    page.unroute(SUBJECT)

    def forge(told: Any) -> None:
        told["value"] = told["value"].replace("hospital", "pharmacy")
        told["proof"]["exist"]["value"] = told["value"]

    def believe(told: Any) -> None:
        told["value"]["organisation_kind"] = "pharmacy"

    _altered(page, STATE, forge)
    _altered(page, SUBJECT, believe)
    page.reload()
    _badge(page, FALSE).click()
    assert "value_not_in_state" in page.get_by_role("alert").inner_text()


def test_a_server_that_speaks_for_other_signers_later_turns_red(
    site: Site, other: Site, page: Any
) -> None:
    page.goto(site.page)
    _badge(page, VERIFIED)

    def divert(route: Any) -> None:
        address = route.request.url.replace(site.served.url, other.served.url)
        route.fulfill(response=route.fetch(url=address))

    page.route("**/v1/**", divert)
    page.goto(site.page.replace(site.transaction, other.transaction))
    _badge(page, FALSE).click()
    assert "unknown_validators" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Begin anew").click()
    _badge(page, VERIFIED)


def test_the_trust_file_that_the_user_opens_decides(site: Site, other: Site, page: Any) -> None:
    page.goto(site.page)
    _badge(page, VERIFIED).click()
    page.get_by_role("button", name="It is the same").click()
    page.get_by_text("You compared it on").wait_for()

    def open_file(content: bytes) -> None:
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Open a trust file").click()
        file = {"name": "trust.json", "mimeType": "application/json", "buffer": content}
        chooser.value.set_files([file])

    open_file(b"{}")
    page.get_by_text("This is not a trust file").wait_for()
    _badge(page, VERIFIED)
    open_file(_trust(other))
    _badge(page, FALSE)
    open_file(_trust(site))
    _badge(page, VERIFIED)
    shown = page.get_by_role("group", name="Proof").inner_text()
    assert "in the trust file that you opened" in shown


def test_without_an_answer_nothing_is_claimed(site: Site, page: Any) -> None:
    page.route(RECEIPT, lambda route: route.abort())
    page.goto(site.page)
    _badge(page, "Could not be checked")
    page.unroute(RECEIPT)
    page.get_by_role("button", name="Could not be checked").click()
    page.get_by_role("button", name="Try again").click()
    _badge(page, VERIFIED)


def test_what_it_costs(site: Site, page: Any, capsys: pytest.CaptureFixture[str]) -> None:
    page.goto(site.page)
    _badge(page, VERIFIED)
    read = "() => performance.getEntriesByName('yilian proof').map(each => each.duration)"
    (took,) = page.evaluate(read)
    sizes = _sizes()
    with capsys.disabled():
        told = ", ".join(f"{name} {size / 1000:.1f} kB" for name, size in sizes.items())
        print(f"\none receipt is verified in {took:.1f} ms; gzip: {told}")
    # A phone is some ten times slower, and a person notices a tenth of a second.
    assert took < 1_000
    assert sum(sizes.values()) < 40_000


def _sizes() -> dict[str, int]:
    """The verifier's own chunks, as they travel: what a first page does not bring already."""
    manifest = json.loads((DIST / "manifest.json").read_text("utf-8"))
    brought = _needed(manifest, "index.html")
    needed = [manifest[each]["file"] for each in _needed(manifest, "src/proof/check.ts") - brought]
    return {Path(file).name: len(gzip.compress((DIST / file).read_bytes())) for file in needed}


def _needed(manifest: dict[str, Any], entry: str) -> set[str]:
    """A chunk and all that it imports."""
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += manifest[name].get("imports", [])
    return found
