"""Webhooks cannot reach the internal network of the server."""

import socket

import pytest

from hub.errors import InvalidRequest
from server.parts.webhooks.destinations import Refused, addresses_of, read_destination
from server.parts.webhooks.send import post
from tests.builders.server.network_addresses import INSIDE, OUTSIDE, resolving
from tests.builders.server.webhooks import create, make


@pytest.mark.parametrize("address", INSIDE)
def test_internal_hosts_are_refused_in_every_notation(address, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", resolving(address))
    with pytest.raises(Refused, match=r"internal addresses \(1 of 1\)"):
        addresses_of(read_destination("https://innocent.example/", ()))


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_public_host_is_resolved_to_its_address(address, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", resolving(address))
    assert addresses_of(read_destination("https://innocent.example/", ())) == [address]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://LOCALHOST./", "https://[::1]/", "https://169.254.169.254/latest/",
        "https://2130706433/", "https://0x7f000001/", "https://127.1/", "https://0177.0.0.1/", "https://[::ffff:127.0.0.1]/",
    ],
)  # fmt: skip
def test_an_internal_address_is_refused_when_the_webhook_is_created(url):
    with pytest.raises(InvalidRequest, match="is an internal host"):
        read_destination(url, ())


def test_an_allowed_host_can_be_internal_and_without_tls():
    found = read_destination("http://CI.lab.internal:8080/hook?x=1", {"ci.lab.internal"})
    assert (found.is_secure, found.host, found.port, found.target, found.authority) == (
        False, "ci.lab.internal", 8080, "/hook?x=1", "ci.lab.internal:8080",
    )  # fmt: skip


def test_one_internal_address_among_several_is_refused(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", resolving("93.184.216.34", "10.0.0.7"))
    with pytest.raises(Refused, match=r"internal addresses \(1 of 2\)") as raised:
        addresses_of(read_destination("https://innocent.example/", ()))
    assert "10.0.0.7" not in str(raised.value), "the error reveals no internal address"


def test_after_dns_rebinding_the_checked_address_is_used(monkeypatch):
    resolved, connected = [], []

    def resolve(host, *_, **__):
        resolved.append(host)
        return resolving("93.184.216.34" if len(resolved) == 1 else "127.0.0.1")()

    def connect(address, *_, **__):
        connected.append(address)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(TimeoutError):
        post(read_destination("https://rebinding.example/", ()), b"{}", {})
    assert resolved == ["rebinding.example"]
    assert connected == [("93.184.216.34", 443)]


def test_a_name_that_resolves_to_this_machine_is_refused_at_delivery(team, as_, work, receiver, monkeypatch):
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    genuine = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: genuine("127.0.0.1" if "evil" in str(host) else host, *rest, **more),
    )
    receiver.url = f"https://evil.example:{port}/"
    webhook = make(as_, receiver)
    create(as_)
    work()
    [delivery] = as_("ada", "GET", f"/api/v1/webhooks/{webhook}/deliveries").json()["items"]
    assert "internal addresses" in delivery["error"]
    assert receiver.arrived == []
    assert team.registry.jobs() == []


def test_a_certificate_of_another_host_fails_the_delivery(trusted, as_, work, receiver):
    receiver.url = receiver.url.replace("http://", "https://")
    webhook = make(as_, receiver)
    create(as_)
    work()
    [delivery] = as_("ada", "GET", f"/api/v1/webhooks/{webhook}/deliveries").json()["items"]
    assert delivery["error"].startswith("no response: ")
    assert receiver.arrived == []
