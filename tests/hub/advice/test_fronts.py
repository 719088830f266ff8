"""Quality against cost: only times of one device, and scores in one language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.advice.fronts import fronts
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.registry.scores.leaderboard import LeaderboardQuery, leaderboards
from tests.builders.artifacts import a_card, a_folder, a_score
from tests.builders.hub import a_hub


@pytest.fixture
def hub(tmp_path: Path):
    with a_hub(tmp_path / "home") as hub:
        yield hub


def add(hub: LocalHub, tmp_path: Path, name: str, value: float, seconds: float | None, device: str | None, **changes):
    folder = a_folder(tmp_path / name, a_card(scores=(a_score(value, **changes),)))
    config = folder / "emoji-sd" / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps({**content, "run": {"device_seconds": seconds, "device": device}}))
    publish(folder, ArtifactName("ada", name), hub.registry, hub.store, message="m")


def front_of(hub: LocalHub):
    contest = LeaderboardQuery(benchmark="emoji-generation", metric="r_precision_at_1", provenance="self-reported")
    return fronts(hub.registry, hub.store, leaderboards(hub.registry.database, contest, 50))[0]


def test_entries_of_one_device_are_on_a_front_and_others_are_left_out(hub: LocalHub, tmp_path: Path):
    add(hub, tmp_path, "slow-and-good", 0.9, 500.0, "1 CPU thread")
    add(hub, tmp_path, "quick", 0.5, 50.0, "1 CPU thread(s)")
    add(hub, tmp_path, "slow-and-bad", 0.4, 400.0, "1 CPU thread")
    add(hub, tmp_path, "on-a-gpu", 0.95, 10.0, "H100")
    add(hub, tmp_path, "unknown", 0.99, None, None)
    front = front_of(hub)
    assert front is not None
    assert (front.language, front.device) == ("yo", "1 CPU thread")
    assert [(each.artifact, each.is_on_front) for each in front.points] == [
        ("ada/quick", True), ("ada/slow-and-bad", False), ("ada/slow-and-good", True),
    ]  # fmt: skip


def test_scores_in_several_languages_have_no_front(hub: LocalHub, tmp_path: Path):
    add(hub, tmp_path, "first", 0.9, 500.0, "1 CPU thread")
    add(hub, tmp_path, "second", 0.5, 50.0, "1 CPU thread", language="sw")
    assert front_of(hub) is None
