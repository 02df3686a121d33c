"""What `node.json` may say of other sign-ins, and what `doctor` finds wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.rows.served import FOUNDERS
from tests.unit.gateway.auth.oidc_issuer import SECRET, Issuer, configured, issuer
from yilian.bootstrap import make_node
from yilian.bootstrap.diagnosis import diagnose
from yilian.node.config import Configuration, ConfigurationError, NodeFolder
from yilian.node.outside import is_issuer
from yilian.text import say

AT = "https://id.example/realms/one"


def read(folder: Path, *told: dict[str, Any]) -> Configuration:
    """Read a `node.json` that names these providers."""
    text = {"chain": "test", "organisations": [], "sign_in": {"outside": list(told)}}
    (folder / "node.json").write_text(json.dumps(text))
    return NodeFolder(folder).configuration()


def test_a_provider_is_read_as_the_page_describes_it(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs/sign-in.md").read_text("utf-8")
    fence = page.partition("```json\n")[2].partition("\n```")[0]
    (told,) = json.loads(fence)["outside"]
    (found,) = read(tmp_path, told).sign_in.outside
    assert found.title.zh_cn == told["title"]["zh-CN"]
    for name in found.__struct_fields__:
        assert f"| `{name}`" in page, name


@pytest.mark.parametrize(
    "lie",
    [
        {"name": "Hospital"},
        {"name": "../x"},
        {"name": ""},
        {"title": {"en": "H"}},
        {"title": {"en": "H", "zh-CN": ""}},
        {"issuer": "http://id.example"},
        {"issuer": "https://id.example?a=b"},
        {"issuer": "https://user:secret@id.example"},
        {"client": ""},
        {"secret_file": None},
        {"key_file": "also"},
        {"secret_file": None, "secret_variable": "lower"},
        {"algorithms": []},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"second_factor": {"groups": ["a"]}},
        {"networks": ["everything"]},
        {"max_age_minutes": 0},
        {"secret": SECRET},
    ],
)
def test_any_other_is_refused_and_no_secret_told(tmp_path: Path, lie: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, configured(AT, **lie))
    assert SECRET not in str(caught.value)


def test_two_of_one_name_or_issuer_are_refused(tmp_path: Path) -> None:
    first = configured(AT)
    for second in (configured(AT, name="other"), configured("https://other.example")):
        with pytest.raises(ConfigurationError):
            read(tmp_path, first, second)
    read(tmp_path, first, configured("https://other.example", name="other"))


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://id.example", True),
        ("https://id.example:8443/realms/one/", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080/x", True),
        ("http://127.0.0.1.example", False),
        ("https://", False),
        ("https://id.example#x", False),
        ("https://id.example:x", False),
        ("https://[", False),
        ("https://医.example", False),
        ("https://id.example/a b", False),
        ("https://id.example\n", False),
        ("", False),
    ],
)
def test_what_may_be_an_issuer(url: str, may: bool) -> None:
    assert is_issuer(url) is may


def test_the_secret_is_read_from_a_file_or_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, path = NodeFolder(tmp_path), tmp_path / "outside.secret"
    (told,) = read(tmp_path, configured(AT)).sign_in.outside
    with pytest.raises(ConfigurationError, match="is missing"):
        folder.credentials(told)
    path.write_text(SECRET + "\n")
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        folder.credentials(told)
    path.chmod(0o600)
    assert folder.credentials(told).secret == SECRET
    variable = configured(AT, secret_file=None, secret_variable="YILIAN_OUTSIDE")
    (told,) = read(tmp_path, variable).sign_in.outside
    monkeypatch.delenv("YILIAN_OUTSIDE", raising=False)
    with pytest.raises(ConfigurationError, match="YILIAN_OUTSIDE is not set"):
        folder.credentials(told)
    monkeypatch.setenv("YILIAN_OUTSIDE", SECRET)
    found = folder.credentials(told)
    assert found.secret == SECRET
    assert SECRET not in repr(found)


# -- doctor --------------------------------------------------------------------------------------


@pytest.fixture
def at() -> Iterator[Issuer]:
    """Serve a provider."""
    with issuer() as served:
        yield served


def looked(path: Path, told: dict[str, Any]) -> dict[str, str]:
    """Look at a node that names a provider; gives the findings about it, with their marks."""
    if not (path / "node.json").exists():
        make_node(path, "test", FOUNDERS[:1], port=0)
    text = json.loads((path / "node.json").read_text())
    (path / "node.json").write_text(json.dumps({**text, "sign_in": {"outside": [told]}}))
    found = {}
    for each in diagnose(path):
        if each.code.startswith("outside"):
            found[each.code] = each.state
            for language in ("en", "zh-CN"):
                for part in ("text", "next") if each.state != "good" else ("text",):
                    words = say(
                        language, "network", f"doctor/{each.code}/{part}", **each.parameters
                    )
                    assert SECRET not in words
                    assert "{" not in words
    return found


def test_doctor_says_what_is_wrong_with_a_provider(tmp_path: Path, at: Issuer) -> None:
    path, told = tmp_path / "node", configured(at.url)
    assert looked(path, told) == {"outside_secret": "bad"}
    (path / "outside.secret").write_text(SECRET)
    (path / "outside.secret").chmod(0o600)
    assert looked(path, told) == {"outside": "good"}
    at.metadata = {"issuer": "https://other.example"}
    assert looked(path, told) == {"outside_issuer": "bad"}
    at.metadata, at.published = {}, []
    assert looked(path, told) == {"outside_away": "bad"}
    at.truthful()
    assert looked(path, configured(at.url, networks=[])) == {"outside_away": "bad"}
    assert looked(path, configured(at.url, ca_file="/none/such")) == {"outside_away": "bad"}
    assert looked(path, configured("http://127.0.0.1:9")) == {"outside_away": "bad"}


def test_doctor_compares_the_clocks(tmp_path: Path, at: Issuer) -> None:
    path, told = tmp_path / "node", configured(at.url)
    make_node(path, "test", FOUNDERS[:1], port=0)
    (path / "outside.secret").write_text(SECRET)
    (path / "outside.secret").chmod(0o600)
    at.date = format_datetime(datetime(2026, 1, 1, tzinfo=UTC), usegmt=True)
    assert looked(path, told) == {"outside": "good", "outside_clock": "bad"}
    at.date = "no date"
    assert looked(path, told) == {"outside": "good"}
