"""Rate limits, and the headers that Hugging Face's client reads."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager

import pytest
from fakeredis import TcpFakeServer
from huggingface_hub.utils import parse_ratelimit_headers
from starlette.testclient import TestClient

from hub.errors import InvalidRequest
from server import create_app
from server.rates import DEFAULT_RATES, Rates, bucket_of, configured_rates
from tests.builders.server.people import ROOT, hub, token_of

__all__ = ["hub", "token_of"]

NARROW = Rates(api=3, resolvers=2, pages=2)


@pytest.fixture
def ask(hub):
    """Send requests to one application from any address."""
    app = create_app(hub, rates=NARROW)

    def ask(path: str = "/api/models", address: str = "192.0.2.1", token: str = "", **headers: str):
        client = TestClient(app, client=(address, 50000), follow_redirects=False)
        bearer = {"authorization": f"Bearer {token}"} if token else {}
        return client.get(path, headers=bearer | headers)

    return ask


def test_responses_state_the_remaining_requests_and_a_429_when_to_retry(ask):
    left = [parse_ratelimit_headers(ask().headers) for _ in range(3)]
    assert [(each.resource_type, each.remaining, each.limit, each.window_seconds) for each in left] == [
        ("api", 2, 3, 300),
        ("api", 1, 3, 300),
        ("api", 0, 3, 300),
    ]
    refused = ask()
    limit = parse_ratelimit_headers(refused.headers)
    assert refused.status_code == 429
    assert 0 < limit.reset_in_seconds <= 300 and limit.remaining == 0
    assert refused.headers["retry-after"] == str(limit.reset_in_seconds)
    assert refused.json()["error"] == f"too many requests: try again in {limit.reset_in_seconds} s."
    assert refused.headers["x-request-id"]
    assert ask(address="192.0.2.2").status_code == 200


def test_metrics_count_refused_requests(ask):
    for _ in range(5):
        ask()
    assert 'linguahub_requests_total{method="GET",route="none",status="429"} 2.0' in ask("/api/v1/metrics").text


def test_buckets_are_counted_separately(ask):
    for _ in range(3):
        page = ask("/", accept="text/html")
    assert page.status_code == 429
    assert "Too Many Requests" in page.text
    assert ask("/ada/none/resolve/main/a.txt").status_code == 404
    assert ask("/static/hub.css").status_code == 200
    assert "ratelimit" not in ask("/static/hub.css").headers


def test_the_limit_resets_after_the_window(ask, monkeypatch):
    assert [ask().status_code for _ in range(4)] == [200, 200, 200, 429]
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 301)
    assert ask().status_code == 200


def test_an_account_is_counted_across_addresses_and_tokens(ask, token_of):
    first, second = token_of("ada"), token_of("ada")
    assert [
        ask(address=f"192.0.2.{n}", token=token).status_code for n, token in enumerate([first, first, second, second])
    ] == [
        200,
        200,
        200,
        429,
    ]
    assert ask(address="192.0.2.1", token=token_of("bob")).status_code == 200


def test_invalid_tokens_are_counted_by_address(ask):
    codes = [ask(token=f"lh_made-up-{number}").status_code for number in range(4)]
    assert codes == [401, 401, 401, 429]


def test_addresses_of_one_ipv6_network_are_counted_together(ask):
    codes = [ask(address=f"2001:db8::{number}").status_code for number in range(1, 5)]
    assert codes == [200, 200, 200, 429]
    assert ask(address="2001:db8:0:1::1").status_code == 200


def test_a_revoked_token_is_refused_even_while_its_account_is_cached(ask, hub, token_of):
    secret = token_of("ada")
    assert ask(token=secret).status_code == 200
    hub.tokens.revoke(hub.accounts.get("ada"), hub.tokens.of(hub.accounts.get("ada"))[0].id, ROOT)
    assert ask(token=secret).status_code == 401


def test_requests_from_this_machine_are_only_counted_with_configured_limits(hub, ask):
    assert [ask(address="127.0.0.1").status_code for _ in range(4)] == [200] * 4
    with TestClient(create_app(hub, rates=Rates.parse("api=2")), client=("127.0.0.1", 5)) as client:
        assert [client.get("/api/models").status_code for _ in range(3)] == [200, 200, 429]
    with TestClient(create_app(hub, rates=Rates.parse("off")), client=("192.0.2.1", 5)) as client:
        assert "ratelimit" not in client.get("/api/models").headers


def test_a_polling_device_gets_the_oauth_error_slow_down(hub):
    with TestClient(create_app(hub, rates=NARROW), client=("192.0.2.1", 5)) as client:
        errors = [client.post("/oauth/token", data={"grant_type": "x"}).json()["error"] for _ in range(4)]
    assert errors == ["unsupported_grant_type"] * 3 + ["slow_down"]


@pytest.mark.parametrize(
    ("path", "bucket"),
    [
        ("/api/models/ada/x", "api"),
        ("/oauth/device", "api"),
        ("/ada/x.git/info/lfs/objects/batch", "api"),
        ("/ada/x/resolve/main/a.txt", "resolvers"),
        ("/datasets/ada/x/resolve/main/a.txt", "resolvers"),
        ("/datasets/ada/x/viewer/abc/1f418.webp", "resolvers"),
        ("/datasets/ada/x/viewer", "pages"),
        ("/lfs/objects/word", "resolvers"),
        ("/lfs/parts/word", "api"),
        ("/", "pages"),
        ("/ada/x", "pages"),
        ("/static/hub.css", ""),
        ("/api/v1/health", ""),
    ],
)
def test_buckets_match_those_of_the_hugging_face_hub(path, bucket):
    assert bucket_of(path) == bucket


def test_the_default_limits_allow_the_download_of_a_large_repository():
    files = 20_000
    assert DEFAULT_RATES.resolvers >= 2 * files, "the client sends HEAD and GET for each file"
    assert DEFAULT_RATES.api >= files / 50, "and one request per page of the tree"


@pytest.mark.parametrize("text", ["api", "api=x", "api=0", "cpu=5", "count_loopback=5", "api=1,,", "api=-1"])
def test_invalid_limits_are_refused(text):
    with pytest.raises(InvalidRequest, match="is not a rate limit"):
        Rates.parse(text)


def test_limits_are_parsed_from_text():
    assert Rates.parse("") == DEFAULT_RATES
    assert Rates.parse("off") is None
    assert Rates.parse("pages=7, api=5") == Rates(api=5, pages=7, count_loopback=True)


@pytest.mark.parametrize(("peer", "left"), [("127.0.0.1", [2, 2, 2]), ("198.51.100.7", [2, 1, 0])])
def test_forwarded_addresses_are_only_used_from_trusted_proxies(hub, peer, left):
    """X-Forwarded-For is used from the proxy named by `--proxy`, and ignored from others."""
    from server.cli import server_config

    config = server_config(create_app(hub, rates=NARROW), proxies="127.0.0.1")
    config.load()
    with TestClient(config.loaded_app, client=(peer, 5)) as client:
        responses = [client.get("/api/models", headers={"x-forwarded-for": f"203.0.113.{n}"}) for n in range(3)]
    assert [parse_ratelimit_headers(each.headers).remaining for each in responses] == left


@contextmanager
def redis_server(port: int = 0):
    """Yield the port of a Redis, which forgets its counts at the end."""
    server = TcpFakeServer(("127.0.0.1", port))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


def client_of(hub, rates: Rates) -> TestClient:
    """Return a client of a separate application, as of another process or machine."""
    return TestClient(create_app(hub, rates=rates), client=("192.0.2.1", 5))


def test_servers_with_one_redis_count_together(hub):
    with redis_server() as port:
        rates = configured_rates({"HUB_RATE_LIMITS": "api=3", "HUB_RATE_STORAGE": f"redis://127.0.0.1:{port}/0"})
        first, second = client_of(hub, rates), client_of(hub, rates)
        responses = [each.get("/api/models") for each in (first, second, first, second)]
    assert [each.status_code for each in responses] == [200, 200, 200, 429]
    assert [parse_ratelimit_headers(each.headers).remaining for each in responses] == [2, 1, 0, 0]
    assert 0 < parse_ratelimit_headers(responses[-1].headers).reset_in_seconds <= 300


def test_a_server_counts_by_itself_while_redis_does_not_respond(hub, caplog):
    with redis_server() as port:
        pass
    rates = configured_rates({"HUB_RATE_LIMITS": "api=2", "HUB_RATE_STORAGE": f"redis://:secret@127.0.0.1:{port}/0"})
    with caplog.at_level(logging.ERROR, "server.rates"):
        codes = [client_of_one.get("/api/models").status_code for client_of_one in [client_of(hub, rates)] * 4]
    assert codes == [200, 200, 429, 429]
    assert len(caplog.records) == 1, "Redis is not asked again for each request"
    assert "127.0.0.1" in caplog.text and "secret" not in caplog.text


@pytest.mark.parametrize("url", ["memory://", "localhost:6379", "mysql://h/1", "redis://host:port/0"])
def test_urls_of_other_storages_are_refused_before_the_server_starts(url):
    with pytest.raises(InvalidRequest, match="HUB_RATE_STORAGE"):
        configured_rates({"HUB_RATE_STORAGE": url})


def test_without_limits_nothing_is_counted_in_redis():
    assert configured_rates({"HUB_RATE_LIMITS": "off", "HUB_RATE_STORAGE": "redis://192.0.2.1"}) is None
