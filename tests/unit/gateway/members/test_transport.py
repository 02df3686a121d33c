"""The way between nodes: who is let in, who is spoken to, and what is done without."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.unit.gateway.members.world import House, World, until
from yilian.gateway.members import certificates, peers
from yilian.gateway.members.certificates import (
    Credentials,
    ensure_credentials,
    new_credentials,
    read_credentials,
)
from yilian.gateway.members.formats import Known, StaffNamed
from yilian.gateway.members.there import There, encode
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity import messages as identity

QUICK = Known(1024, 1024, 0.5)


def code(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return refused.value.code.name


def staff(asker: House, of: House) -> dict[str, str]:
    return asker.organisation.counterpart(of.id).staff([of.id])


def raw_client(own: Credentials, trusted: bytes) -> httpx.Client:
    context = certificates.context(False, own, [trusted])
    return httpx.Client(verify=context, trust_env=False)


def post(client: httpx.Client, to: House, own: bytes, **headers: str) -> httpx.Response:
    named = {
        "Content-Type": peers.MEDIA_TYPE,
        peers.CHAIN_HEADER: "yilian",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return client.post(
        f"{to.url}/members/v1/{to.id}/staff",
        content=encode(StaffNamed(practitioners=(to.id,))),
        headers=named,
        extensions={"sni_hostname": peers.server_name(own)},
    )


@contextmanager
def impostor(own: Credentials, trusted: bytes, answer: bytes) -> Iterator[int]:
    """Listen with a certificate, and answer every connection with some bytes (b"": with none)."""
    context = certificates.context(True, own, [trusted])
    held = socket.create_server(("127.0.0.1", 0))
    seen: list[ssl.SSLSocket] = []

    def serve() -> None:
        while True:
            try:
                plain, _ = held.accept()
                connection = context.wrap_socket(plain, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            seen.append(connection)
            connection.recv(65_536)
            if answer:
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield held.getsockname()[1]
    finally:
        held.shutdown(socket.SHUT_RDWR)
        held.close()
        thread.join()
        for each in seen:
            each.close()


def test_members_are_known_by_the_chain_alone(world: World) -> None:
    a, b = world.members
    assert staff(b, a) == {}
    stranger = new_credentials()
    with raw_client(stranger, a.credentials.certificate) as client, pytest.raises(httpx.HTTPError):
        post(client, a, stranger.certificate, Yilian_Member=b.id)


def test_a_member_may_not_speak_as_another(world: World) -> None:
    a, b = world.members
    with raw_client(b.credentials, a.credentials.certificate) as client:
        own = b.credentials.certificate
        assert post(client, a, own, Yilian_Member=b.id).status_code == 200
        for named in (a.id, world.authority.id, "x", ""):
            answer = post(client, a, own, Yilian_Member=named)
            assert (answer.status_code, answer.json()["code"]) == (403, "members.caller_unknown")
        other = {"Yilian_Member": b.id, peers.CHAIN_HEADER.replace("-", "_"): "another"}
        assert post(client, a, own, **other).status_code == 403


def test_a_member_that_ends_is_out_with_that_block_on_an_open_connection(world: World) -> None:
    a, b = world.members
    with raw_client(b.credentials, a.credentials.certificate) as client:
        own = b.credentials.certificate
        assert post(client, a, own, Yilian_Member=b.id).status_code == 200
        b.organisation.write(identity.WithdrawEndpoint())
        answer = post(client, a, own, Yilian_Member=b.id)
        assert answer.json()["code"] == "members.caller_unknown"
    with pytest.raises(Refusal) as refused:
        staff(a, b)
    assert code(refused) == "members.no_endpoint"


def test_another_key_at_the_members_place_is_sent_nothing(world: World) -> None:
    a, b = world.members
    with impostor(new_credentials(), b.credentials.certificate, b"") as port:
        a.publish(url=f"https://127.0.0.1:{port}")
        with pytest.raises(Refusal) as refused:
            staff(b, a)
    assert code(refused) == "members.not_the_member"


def test_unknown_unpublished_and_down(world: World) -> None:
    a, b = world.members
    for name, expected in ((b.agent.subject, "unknown"), (world.authority.id, "no_endpoint")):
        with pytest.raises(Refusal) as refused:
            a.organisation.counterpart(name)
        assert code(refused) == f"members.{expected}"
    b.listener.close()
    with pytest.raises(Refusal) as refused:
        staff(a, b)
    assert code(refused) == "members.unreachable"
    b.listen(port=int(b.url.rpartition(":")[2]))
    until(lambda: _answers(a, b))


def _answers(asker: House, of: House) -> bool:
    try:
        return staff(asker, of) == {}
    except Refusal:
        return False


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", "members.unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", "members.answer_refused"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/msgpack\r\n\r\n" + b"x" * 2_000,
            "members.answer_refused",
        ),
        (
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://x/\r\n\r\n",
            "members.answer_refused",
        ),
        (b"nonsense\r\n\r\n", "members.unreachable"),
        (
            b"HTTP/1.1 500 Oops\r\nContent-Length: 19\r\n\r\n" + b'{"code":"internal"}',
            "members.refused",
        ),
        (
            b'HTTP/1.1 404 No\r\nContent-Length: 37\r\n\r\n{"code":"organisation.grant_unknown"}',
            "organisation.grant_unknown",
        ),
        (
            b"HTTP/1.1 401 No\r\nContent-Length: 26\r\n\r\n" + b'{"code":"unauthenticated"}',
            "members.refused",
        ),
    ],
)
def test_hanging_oversized_and_senseless_answers(
    world: World, answer: bytes, expected: str
) -> None:
    a, b = world.members
    with impostor(a.credentials, b.credentials.certificate, answer) as port:
        a.publish(url=f"https://127.0.0.1:{port}")
        assert b.organisation.peers is not None
        with pytest.raises(Refusal) as refused:
            b.organisation.peers.call(b.id, a.id, "staff", b"", QUICK)
    assert code(refused) == expected


def test_a_slow_drip_ends_with_the_time_for_the_whole(world: World) -> None:
    a, b = world.members
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/msgpack\r\nContent-Length: 900\r\n\r\n"
    with impostor(a.credentials, b.credentials.certificate, head) as port:
        a.publish(url=f"https://127.0.0.1:{port}")
        assert b.organisation.peers is not None
        with pytest.raises(Refusal) as refused:
            b.organisation.peers.call(b.id, a.id, "staff", b"", QUICK)
    assert code(refused) == "members.unreachable"


def test_rotation_is_with_the_block(world: World) -> None:
    a, b = world.members
    assert staff(b, a) == {}
    fresh = new_credentials()
    a.listener.peers.rotate(fresh.certificate, fresh.key)
    assert staff(b, a) == {}
    assert staff(a, b) == {}
    a.publish(certificate=fresh.certificate)
    assert staff(b, a) == {}
    assert staff(a, b) == {}
    with raw_client(a.credentials, b.credentials.certificate) as client:
        old = a.credentials.certificate
        with pytest.raises(httpx.HTTPError):
            post(client, b, old, Yilian_Member=a.id)


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"\xc1", {}, "malformed"),
        (msgspec.msgpack.encode({"practitioners": ["x"]}), {}, "malformed"),
        (msgspec.msgpack.encode({"practitioners": [], "more": 1}), {}, "malformed"),
        (b"\x80", {"Content-Type": "application/json"}, "unsupported_media_type"),
        (b"x" * 70_000, {}, "body_too_large"),
        (b"\x80", {"Yilian-Height": "99999999"}, "members.behind"),
        (b"\x80", {"Yilian-Height": "-1"}, "malformed"),
    ],
)
def test_questions_that_are_none(
    world: World, content: bytes, headers: dict[str, str], expected: str
) -> None:
    a, b = world.members
    named = {
        "Content-Type": peers.MEDIA_TYPE,
        peers.CHAIN_HEADER: "yilian",
        peers.MEMBER_HEADER: b.id,
    }
    if expected in ("members.behind", "malformed") and content == b"\x80":
        content = encode(StaffNamed(practitioners=(a.id,)))
    with raw_client(b.credentials, a.credentials.certificate) as client:
        answer = client.post(
            f"{a.url}/members/v1/{a.id}/staff",
            content=content,
            headers=named | headers,
            extensions={"sni_hostname": peers.server_name(b.credentials.certificate)},
        )
    assert answer.json()["code"] == expected


def test_the_listener_serves_nothing_of_the_public_gateway(world: World) -> None:
    a, b = world.members
    with raw_client(b.credentials, a.credentials.certificate) as client:
        named = {"sni_hostname": peers.server_name(b.credentials.certificate)}
        for path in ("/v1/status", "/", "/openapi.json", f"/v1/organisations/{a.id}/audit"):
            answer = client.get(a.url + path, extensions=named)
            assert answer.status_code == 404


def test_every_call_leaves_an_audit_entry(world: World) -> None:
    a, b = world.members
    staff(b, a)
    entries = a.organisation.vault.audit.search(after=0, limit=10, actor=b.id)
    assert [each.operation for each in entries][-1:] == ["post_members_v1_by_organisation_staff"]


def test_calls_beyond_measure_are_refused(world: World) -> None:
    a, b = world.members
    counterpart = b.organisation.counterpart(a.id)
    doctor, _ = b.doctor()
    codes = []
    for _ in range(70):
        try:
            counterpart.find("urn:x", "1", doctor)
        except Refusal as refusal:
            codes.append(refusal.code.name)
    assert set(codes) == {"members.too_many_requests"}


def test_who_was_down_is_not_waited_for_again_at_once(world: World) -> None:
    a, b = world.members
    b.listener.close()
    with pytest.raises(Refusal):
        staff(a, b)
    assert a.organisation.peers is not None
    began = time.monotonic()
    with pytest.raises(Refusal):
        There(a.organisation.peers, a.id, b.id).staff([b.id])
    assert a.organisation.peers._down[b.id] > began


def test_key_files(tmp_path: Path) -> None:
    made = ensure_credentials(tmp_path)
    assert ensure_credentials(tmp_path) == made
    path = tmp_path / "members.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in repr(made)
    path.chmod(0o640)
    with pytest.raises(Refusal) as refused:
        read_credentials(path)
    assert code(refused) == "members.key_file_refused"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Refusal):
        read_credentials(path)
