"""One member on one machine: valid by the Compose specification, and careful."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from tests.deploy.charts import DEPLOY, documents

FILE = DEPLOY / "compose" / "compose.yaml"
OURS = ("validator", "sentry")


def compose() -> dict[str, Any]:
    (found,) = documents(FILE.read_text("utf-8"))
    return found


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"][name]
    return found


def test_it_is_valid_by_the_specification() -> None:
    pytest.importorskip("check_jsonschema", reason='pip install -e ".[test]" brings it')
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FILE]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", OURS)
def test_a_node_runs_as_nobody_on_a_root_that_it_cannot_write(name: str) -> None:
    node = service(name)
    assert node["user"] == "10001:10001"
    assert node["read_only"] is True
    assert node["cap_drop"] == ["ALL"]
    assert node["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & node.keys()


def test_who_is_reached_from_where() -> None:
    found = compose()
    assert found["networks"]["inside"]["internal"] is True
    assert found["networks"]["stores"]["internal"] is True
    ports = {name: each.get("ports", []) for name, each in found["services"].items()}
    assert ports == {
        "validator": ["127.0.0.1:8420:8420", "8421:8421"],
        "sentry": ["8422:8422"],
        "postgres": [],
        "s3": [],
        "prometheus": ["127.0.0.1:9090:9090"],
    }
    assert "outside" not in service("validator")["networks"]
    assert set(service("sentry")["networks"]) == {"inside", "outside"}


def test_there_is_one_validator() -> None:
    assert not {"deploy", "scale"} & service("validator").keys()


def test_secrets_are_files() -> None:
    found = compose()
    for name, each in found["secrets"].items():
        assert each == {"file": f"./secrets/{name}"}
    for each in found["services"].values():
        for name, value in each.get("environment", {}).items():
            if re.search("PASS|KEY|SECRET|TOKEN|CREDENTIAL", name):
                assert value.startswith("/run/secrets/"), name
        assert set(each.get("secrets", [])) <= set(found["secrets"])


def test_every_image_is_pinned() -> None:
    for name, each in compose()["services"].items():
        image = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", each["image"])
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", image), name


def test_the_image_runs_as_nobody_and_is_asked_whether_it_lives() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert text.rindex("\nUSER 10001:10001\n") > text.rindex("\nRUN ")
    assert "/livez" in text
    assert "EXPOSE 8420 8421 8422\n" in text
    assert all(re.search(r"=\d+\.\d+\.\d+-", each) for each in re.findall("^ARG .*", text, re.M))
    from yilian.node.binary import ENGINE_PACKAGE, ENGINE_VERSION

    assert f"{ENGINE_PACKAGE}@{ENGINE_VERSION}\n" in text
