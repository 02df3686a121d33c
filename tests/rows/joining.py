"""Somebody in custody of hospital A follows their invitation in a browser."""

from __future__ import annotations

from tests.rows.calls import at
from tests.rows.served import Served
from tests.unit.gateway.auth.browser import Browser, good


def joined(served: Served, browsers: list[Browser], seed: int = 1) -> tuple[str, Browser]:
    """Have a person in custody of hospital A sign in; `browsers` is the fixture."""
    person = str(served.load(served.a, seed)["person"])
    with served.client(served.a) as client:
        invited = client.request("POST", at(served.a, "invitations"), {"subject": person})
    browser = Browser(served.url, served.node.engine.now)
    browsers.append(browser)
    good(browser.join(str(invited["link"]).rpartition("#")[2]))
    return person, browser
