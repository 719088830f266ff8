"""`hub cache --engine ray` fills the caches that training reads, on the Ray cluster of the tests of `hub evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hub.errors import InvalidRequest
from hub.local import LocalHub
from tests.builders.training.commands import json_of
from trainers.cache_command import cache
from trainers.cli import train
from trainers.loop.failures import compute_in_parts


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[str, ...]:
    """The options of the tiny models, and of a corpus that a worker can open: a folder of captioned images."""
    place = tmp_path / "images"
    place.mkdir()
    lines = []
    for number in range(12):
        Image.new("RGB", (40, 40), (20 * number, 100, 50)).save(place / f"{number}.png")
        lines.append({"file_name": f"{number}.png", "en": f"dog {number}", "yo": f"ajá {number}"})
    (place / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return (
        "--lang", "yo", "--base", "tiny-sd", "--encoder", "tiny-xlmr", "--corpus", str(place), "--caption-column", "en=en",
        "--caption-column", "yo=yo", "--held-out-share", "0", "--device", "cpu",
    )  # fmt: skip


def run_cache(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json_of(capsys, cache, *arguments)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_a_dry_run_computes_nothing_and_an_error_of_a_worker_is_reported_in_one_line(
    hub: LocalHub, tiny: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cache(capsys, "mulan", *tiny, "--engine", "ray", "--dry-run")["bytes"].keys() == {
        "states",
        "teacher",
        "latents",
    }
    assert not list(hub.home.caches.rglob("*.npy"))
    with pytest.raises(InvalidRequest, match="there is no column `sw`") as caught:
        run_cache(capsys, "mulan", *tiny, "--engine", "ray", "--caption-column", "sw=sw")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_a_job_computes_the_shards_that_are_missing_as_training_would(
    hub: LocalHub, tiny: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cache(capsys, "token-kd", *tiny)  # The base's embeddings, and encoder states of another length.
    before = {path: path.stat().st_mtime_ns for path in hub.home.caches.rglob("*.npy")}
    run_cache(capsys, "mulan", *tiny, "--engine", "ray")
    after = {path: path.stat().st_mtime_ns for path in hub.home.caches.rglob("*.npy")}
    assert {path: after.get(path) for path in before} == before
    computed = {path: path.read_bytes() for path in after.keys() - before.keys()}
    assert len(computed) == 2, "encoder states and latents"

    def compute(*rows: Any, what: str) -> Any:
        assert what == "tokens", "no model computes again"
        return compute_in_parts(*rows, what=what)

    with monkeypatch.context() as patch:
        patch.setattr("trainers.inputs.feature_cache.compute_in_parts", compute)
        json_of(capsys, train, "mulan", *tiny, "--steps", "2", "--no-evaluate")
    for path in computed:
        path.unlink()
    run_cache(capsys, "mulan", *tiny)
    assert {path: path.read_bytes() for path in computed} == computed
