"""The Helm chart: valid, and as careful as its comments say."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.charts import CHART, EXAMPLE, documents, helm, of_kind, rendered
from yilian.bootstrap import Founder, make_network
from yilian.node.home import EngineHome

VALIDATOR, SENTRY = "a-yilian-member-validator", "a-yilian-member-sentry-0"


def pods(*settings: str) -> dict[str, dict[str, Any]]:
    return {
        name: each["spec"]["template"]["spec"]
        for name, each in of_kind("StatefulSet", *settings).items()
    }


def containers() -> list[dict[str, Any]]:
    return [each for pod in pods().values() for each in pod["containers"] + pod["initContainers"]]


@pytest.mark.parametrize("values", [["-f", EXAMPLE], ["-f", EXAMPLE, "--set", "sentry.replicas=3"]])
def test_it_is_a_chart_without_a_complaint(values: list[str | Path]) -> None:
    done = helm("lint", "--strict", CHART, *values)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("validator.existingSecret=", "existingSecret"),
        ("sentry.existingSecretPrefix=", "existingSecretPrefix"),
        ("sentry.replicas=99", "replicas"),
        ("consensus.port=80", "port"),
        ("validator.storage=much", "storage"),
    ],
)
def test_values_that_cannot_work_are_refused(setting: str, named: str) -> None:
    words = ("--kube-version", "1.32.0", "--set", setting)
    done = helm("template", "a", CHART, "-f", EXAMPLE, *words)
    assert done.returncode != 0
    assert named in done.stderr


def test_there_is_never_a_second_of_one_validator() -> None:
    sets = of_kind("StatefulSet", "sentry.replicas=3")
    assert sorted(sets) == [f"a-yilian-member-sentry-{each}" for each in range(3)] + [VALIDATOR]
    assert all(each["spec"]["replicas"] == 1 for each in sets.values())
    assert sets[VALIDATOR]["spec"]["updateStrategy"] == {"type": "OnDelete"}
    assert not [each for each in rendered() if "Autoscaler" in each["kind"]]
    (budget,) = of_kind("PodDisruptionBudget").values()
    assert budget["spec"]["maxUnavailable"] == 0


def test_nothing_runs_as_root_or_can_become_it() -> None:
    assert len(pods()) == 2
    for pod in pods().values():
        context = pod["securityContext"]
        assert context["runAsNonRoot"]
        assert context["runAsUser"] == context["fsGroup"] == 10001
        # Any other policy opens key files to a group at every start.
        assert context["fsGroupChangePolicy"] == "OnRootMismatch"
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    for each in containers():
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_node_is_probed_where_it_answers() -> None:
    for pod in pods().values():
        (node,) = pod["containers"]
        assert node["startupProbe"]["httpGet"] == {"path": "/livez", "port": "gateway"}
        assert node["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "gateway"}
        assert node["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "gateway"}


def test_the_engines_rpc_is_on_no_port() -> None:
    doors = {"gateway": 8420, "members": 8421, "consensus": 8422}
    for name, pod in pods().items():
        (node,) = pod["containers"]
        open_ports = {each["name"]: each["containerPort"] for each in node["ports"]}
        wanted = doors if name == VALIDATOR else {**doors}
        if name != VALIDATOR:
            del wanted["members"]
        assert open_ports == wanted
    for each in of_kind("Service").values():
        for port in each["spec"]["ports"]:
            assert doors[port["targetPort"]] == port["port"]


def test_only_sentries_reach_the_validators_consensus() -> None:
    policies = of_kind("NetworkPolicy")
    ingress = policies[VALIDATOR]["spec"]["ingress"]
    (consensus,) = [each for each in ingress if each["ports"][0]["port"] == "consensus"]
    (source,) = consensus["from"]
    assert source["podSelector"]["matchExpressions"] == [
        {"key": "app.kubernetes.io/instance", "operator": "In", "values": ["a"]},
        {"key": "app.kubernetes.io/component", "operator": "NotIn", "values": ["validator"]},
    ]
    services = of_kind("Service")
    assert services[VALIDATOR]["spec"]["clusterIP"] == "None"
    assert services[SENTRY]["spec"]["type"] == "LoadBalancer"
    assert "type" not in services["a-yilian-member-gateway"]["spec"]
    for each in policies.values():
        open_to_all = [rule["ports"] for rule in each["spec"]["ingress"] if "from" not in rule]
        assert "gateway" not in {port["port"] for ports in open_to_all for port in ports}


def test_values_hold_names_of_secrets_and_no_secrets() -> None:
    assert "Secret" not in {each["kind"] for each in rendered()}
    for file in (CHART / "values.yaml", EXAMPLE):
        (values,) = documents(file.read_text("utf-8"))
        names = set(re.findall(r'"(\w+)":', json.dumps(values)))
        bad = {each for each in names if re.search("(?i)passw|secret|token|key|credential", each)}
        assert bad <= {"existingSecret", "existingSecretPrefix"}
    for each in containers():
        for variable in each.get("env", []):
            assert variable["value"].startswith(("/run/", "/keys/", "/tmp")), variable


class Volumes:
    """A pod's volumes as folders, and the first container's script run on them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for each in ("node", "given", "keys", "postgresql"):
            (path / each).mkdir()
        (first,) = pods()[VALIDATOR]["initContainers"]
        shell, flags, script = first["command"]
        assert (shell, flags) == ("sh", "-euc")
        self._script = re.sub(r"/(?=(node|given|keys|postgresql)/)", f"{path}/", script)

    def give(self, member: Path) -> None:
        """Load the member's folder as the documents say."""
        words = ["tar", "-czf", self.path / "given" / "member.tar.gz", "-C", member, "."]
        subprocess.run(words, check=True)

    def lay_down(self) -> int:
        return subprocess.run(["sh", "-euc", self._script], check=False).returncode

    def mode(self, name: str) -> int:
        return stat.S_IMODE((self.path / name).stat().st_mode)


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    make_network(tmp_path / "net", "yilian", [("A", Founder("A", "hospital", "H-A"))])
    (tmp_path / "pod").mkdir()
    made = Volumes(tmp_path / "pod")
    made.give(tmp_path / "net" / "A")
    return made


def test_a_folder_is_laid_down_once_and_never_over_another(volumes: Volumes) -> None:
    node = volumes.path / "node"
    (volumes.path / "postgresql" / "pgpass").write_text("db:5432:yilian:yilian:x\n")
    assert volumes.lay_down() == 0
    assert volumes.mode("node/validator.key") == volumes.mode("keys/pgpass") == 0o600
    signed = EngineHome(node / "engine").validator_state
    signed.write_text('{"height": "7", "round": 0, "step": 3}')
    (node / "validator.key").write_text("the key that followed\n")
    (node / "validator.key").chmod(0o660)
    (volumes.path / "given" / "node.json").write_text("{}")
    assert volumes.lay_down() == 0
    assert EngineHome(node / "engine").last_signed() == 7
    assert (node / "validator.key").read_text() == "the key that followed\n"
    assert volumes.mode("node/validator.key") == 0o600
    assert (node / "node.json").read_text() == "{}"


def test_what_was_broken_off_is_not_taken_for_a_folder(volumes: Volumes) -> None:
    archive = volumes.path / "given" / "member.tar.gz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    assert volumes.lay_down() != 0
    assert not (volumes.path / "node" / "node.json").exists()
    archive.write_bytes(whole)
    assert volumes.lay_down() == 0
    assert not (volumes.path / "node" / ".incoming").exists()


def test_a_running_node_needs_its_secret_no_more(volumes: Volumes) -> None:
    for pod in pods().values():
        (given,) = [each for each in pod["volumes"] if each["name"] == "given"]
        assert given["secret"]["optional"] is True
    assert volumes.lay_down() == 0
    (volumes.path / "given" / "member.tar.gz").unlink()
    assert volumes.lay_down() == 0
