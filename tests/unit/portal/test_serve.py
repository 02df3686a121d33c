"""The portal's addresses: the page and its policy, files and their caching, and no build at all."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from yilian.gateway import problems
from yilian.portal import serve
from yilian.text import LANGUAGES, say

SCRIPT = b"export const answer = 42;\n" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A build, as small as one can be."""
    assets = tmp_path / "portal" / "assets"
    assets.mkdir(parents=True)
    page = '<!doctype html><html lang="en"><meta name="csp-nonce" content="@NONCE@"></html>'
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "secret.txt").write_text("beside what is served")
    (tmp_path / "portal" / "icon.svg").write_text("<svg/>")
    (assets / "index-abc123.js").write_bytes(SCRIPT)
    (assets / "index-abc123.js.gz").write_bytes(gzip.compress(SCRIPT))
    return tmp_path


class Asking:
    """Asks an application in this process."""

    def __init__(self, folder: Path) -> None:
        handlers = problems.HANDLERS
        self._app = Starlette(
            routes=serve.routes(folder, folder / "story.json"), exception_handlers=handlers
        )

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("GET", path, headers)

    def post(self, path: str) -> httpx.Response:
        return self.request("POST", path, None)

    def request(self, method: str, path: str, headers: dict[str, str] | None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
                return await http.request(method, path, headers=headers)

        return asyncio.run(ask())


def client(folder: Path) -> Asking:
    return Asking(folder)


@pytest.mark.parametrize(
    ("spoken", "language"),
    [("zh-Hans,en;q=0.5", "zh-CN"), ("en", "en"), ("fr", "en"), (None, "en")],
)
def test_the_start_goes_by_what_one_speaks(folder: Path, spoken: str | None, language: str) -> None:
    made = client(folder).get("/", headers={} if spoken is None else {"Accept-Language": spoken})
    assert made.status_code == 307
    assert made.headers["location"] == f"/{language}/"
    assert made.headers["vary"] == "Accept-Language"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["", "explorer", "explorer/blocks/4", "no/such/page"])
def test_every_address_of_a_language_is_the_page(folder: Path, language: str, path: str) -> None:
    made = client(folder).get(f"/{language}/{path}")
    assert made.status_code == 200
    assert f'<html lang="{language}">' in made.text
    assert made.headers["content-language"] == language
    assert made.headers["cache-control"] == "no-cache"
    assert made.headers["content-type"] == "text/html; charset=utf-8"


def test_a_language_without_its_slash_is_sent_on(folder: Path) -> None:
    made = client(folder).get("/zh-CN")
    assert (made.status_code, made.headers["location"]) == (308, "/zh-CN/")


@pytest.mark.parametrize("path", ["/de/", "/zh/", "/EN/", "/en-GB/", "/index.html"])
def test_other_addresses_are_not_the_portals(folder: Path, path: str) -> None:
    made = client(folder).get(path)
    assert made.status_code == 404
    assert made.json()["code"] == "not_found"


def test_a_nonce_is_used_once_and_named_by_the_policy(folder: Path) -> None:
    """Style elements with the page's nonce hold; nothing else from anywhere does."""
    seen = set()
    for _ in range(20):
        made = client(folder).get("/en/")
        (nonce,) = re.findall(r'content="([^"]+)"', made.text)
        assert len(nonce) == 24
        seen.add(nonce)
        policy = made.headers["content-security-policy"]
        assert f"style-src 'self' 'nonce-{nonce}'" in policy
        for rule in ("default-src 'self'", "frame-ancestors 'none'", "script-src 'self'"):
            assert rule in policy.split("; ")
        assert "unsafe" not in policy
    assert len(seen) == 20


def test_hashed_files_are_kept_for_ever_and_others_asked_for(folder: Path) -> None:
    at = client(folder)
    assert "immutable" in at.get("/portal/assets/index-abc123.js").headers["cache-control"]
    assert at.get("/portal/icon.svg").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, br", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0", None),
        ("br", None),
        ("identity", None),
        ("", None),
        ("x," * 1000 + "gzip", None),
    ],
)
def test_a_packed_file_goes_to_who_takes_it(
    folder: Path, accepted: str, coding: str | None
) -> None:
    """The content is the same; a tag stands for one coding alone."""
    at = client(folder)
    path = "/portal/assets/index-abc123.js"
    made = at.get(path, headers={"Accept-Encoding": accepted})
    assert made.headers.get("content-encoding") == coding
    assert made.content == SCRIPT
    assert made.headers["vary"] == "Accept-Encoding"
    assert made.headers["content-type"] == "text/javascript; charset=utf-8"
    plain = at.get(path, headers={"Accept-Encoding": "identity"})
    assert (made.headers["etag"] == plain.headers["etag"]) is (coding is None)


def test_one_worker_may_compile_and_no_page(folder: Path) -> None:
    """A worker has the policy that its script came with; nothing else has one of its own."""
    worker = folder / "portal/assets/reader.worker-abc123.js"
    worker.write_bytes(SCRIPT)
    at = client(folder)
    policy = at.get("/portal/assets/reader.worker-abc123.js").headers["content-security-policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy.split("; ")
    assert "default-src 'none'" in policy.split("; ")
    other = at.get("/portal/assets/index-abc123.js")
    assert "content-security-policy" not in other.headers
    assert "wasm" not in at.get("/en/scan").headers["content-security-policy"]


def test_what_is_known_already_is_not_sent_again(folder: Path) -> None:
    at = client(folder)
    tag = at.get("/portal/icon.svg").headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        made = at.get("/portal/icon.svg", headers={"If-None-Match": known})
        assert (made.status_code, made.content) == (304, b"")
    assert at.get("/portal/icon.svg", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "assets/index-other.js",
        "assets/index-abc123.js.gz",
        "assets/",
        "",
        "../secret.txt",
        "%2e%2e/secret.txt",
        "assets/../../secret.txt",
        "/etc/hostname",
        "assets/index-abc123.js%00",
    ],
)
def test_nothing_else_of_the_disk_is_served(folder: Path, name: str) -> None:
    assert client(folder).get(f"/portal/{name}").status_code == 404


def test_other_methods_are_refused(folder: Path) -> None:
    for path in ("/", "/en/", "/portal/icon.svg"):
        assert client(folder).post(path).status_code == 405


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_build_the_page_says_so_in_both_languages(tmp_path: Path, language: str) -> None:
    made = client(tmp_path / "nothing").get(f"/{language}/explorer")
    assert made.status_code == 503
    assert f'<html lang="{language}">' in made.text
    for each in LANGUAGES:
        assert say(each, "portal", "not_built/next") in made.text
    order = [made.text.index(f'<section lang="{each}">') for each in LANGUAGES]
    assert (order[0] < order[1]) is (language == LANGUAGES[0])
    assert client(tmp_path / "nothing").get("/portal/icon.svg").status_code == 404


def test_a_story_is_read_anew_each_time_and_may_be_absent(folder: Path) -> None:
    at = client(folder)
    assert at.get("/story.json").json()["code"] == "not_found"
    for text in ('{"steps":[]}', '{"steps":[1]}'):
        (folder / "story.json").write_text(text, "utf-8")
        made = at.get("/story.json")
        assert (made.status_code, made.text) == (200, text)
        assert made.headers["cache-control"] == "no-store"
        assert made.headers["content-type"] == "application/json"
    assert at.post("/story.json").status_code == 405
