"""`hub serve` compares blobs with their digests in the background."""

import time

import httpx
import pytest

from hub.errors import InvalidRequest
from server import create_app
from server.scrubber import DEFAULT_RATE, Scrubber, configured_scrub_rate
from tests.builders.damage import damage
from tests.builders.serving import served


def test_the_rate_is_read_from_the_environment():
    assert configured_scrub_rate({}) == DEFAULT_RATE
    assert configured_scrub_rate({"HUB_SCRUB_RATE": "2.5"}) == 2.5
    assert configured_scrub_rate({"HUB_SCRUB_RATE": "off"}) == configured_scrub_rate({"HUB_SCRUB_RATE": "0"}) == 0
    for wrong in ("fast", "-1", "inf", "nan"):
        with pytest.raises(InvalidRequest, match="HUB_SCRUB_RATE"):
            configured_scrub_rate({"HUB_SCRUB_RATE": wrong})


def test_a_running_server_finds_damage_shows_it_in_its_metrics_and_stops_at_once(hub):
    digest, _ = hub.store.put(bytes(2_000_000))
    damage(hub.store, digest)
    with served(create_app(hub, scrubber=Scrubber(hub, 1000.0, pause_s=0.01))) as running:
        for _ in range(500):
            if list(hub.store.quarantined()) == [digest]:
                break
            time.sleep(0.02)
        assert list(hub.store.quarantined()) == [digest]
        assert "linguahub_store_damaged_blobs 1.0" in httpx.get(f"{running.address}/api/v1/metrics").text


def test_a_slow_scrub_does_not_delay_stopping(hub):
    hub.store.put(bytes(3_000_000))
    scrubber = Scrubber(hub, 0.001, pause_s=0.0)
    scrubber.start()
    time.sleep(0.3)
    start = time.monotonic()
    scrubber.stop()
    assert time.monotonic() - start < 4


def test_no_thread_is_started_if_it_is_off(hub):
    scrubber = Scrubber(hub, 0.0)
    scrubber.start()
    assert scrubber._thread is None
    scrubber.stop()
