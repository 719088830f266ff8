"""`hub cache` computes the features for training, estimates their size, lists them and deletes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from filelock import FileLock

from hub.bases.frozen import FrozenBase
from hub.cli.commands import as_command
from hub.errors import Conflict, InvalidRequest, UnknownMethod
from hub.local import LocalHub
from trainers.cache_command import cache
from trainers.cli import train

TINY = ("--base", "tiny-sd", "--encoder", "tiny-xlmr", "--corpus", "toy", "--device", "cpu")


def json_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    as_command("cache", cache).main(args=[*arguments, "--json"], standalone_mode=False)
    return json.loads(capsys.readouterr().out)


def test_training_computes_nothing_that_was_cached_before(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json_of(capsys, "mulan", "--lang", "yo", *TINY, "--dry-run")
    assert json_of(capsys, "--list") == []
    assert json_of(capsys, "mulan", "--lang", "yo", *TINY)["bytes"] == told["bytes"]
    listed = json_of(capsys, "--list")
    assert {each["label"] for each in listed} == {
        "encoder states",
        "base embeddings of English",
        "latents of images",
    }
    header = 128  # of an .npy file: each of these caches is one shard
    assert sorted(each["bytes"] - header for each in listed) == sorted(told["bytes"].values())
    monkeypatch.setattr(FrozenBase, "latents", lambda *_: pytest.fail("computed again"))
    monkeypatch.setattr(FrozenBase, "text_states", lambda *_: pytest.fail("computed again"))
    arguments = ["mulan", "--lang", "yo", *TINY, "--steps", "2", "--no-evaluate", "--json"]
    as_command("train", train).main(args=arguments, standalone_mode=False)


def test_a_posterior_takes_twice_the_space_and_is_trained_on(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    means = json_of(capsys, "mulan", "--lang", "yo", *TINY, "--dry-run")["bytes"]
    sampled = json_of(capsys, "mulan", "--lang", "yo", *TINY, "--set", "sample_latents=true")["bytes"]
    assert sampled == {**means, "latents": 2 * means["latents"]}
    monkeypatch.setattr(FrozenBase, "posterior", lambda *_: pytest.fail("computed again"))
    monkeypatch.setattr(FrozenBase, "latents", lambda *_: pytest.fail("the mean"))
    arguments = [
        "mulan",
        "--lang",
        "yo",
        *TINY,
        "--steps",
        "4",
        "--set",
        "sample_latents=true",
        "--no-evaluate",
        "--json",
    ]
    as_command("train", train).main(args=arguments, standalone_mode=False)


def test_cached_features_of_a_dual_encoder_have_the_estimated_size(
    hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json_of(capsys, "mclip", "--lang", "yo", "--base", "emoji-judge", *TINY[2:])["bytes"]
    assert {"states", "captions", "images"} == set(told)
    assert sorted(each["bytes"] - 128 for each in json_of(capsys, "--list")) == sorted(told.values())


def test_clearing_frees_space_unless_a_run_is_filling_a_cache(
    hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    json_of(capsys, "token-kd", "--lang", "yo", *TINY)
    cache = next(each for each in hub.home.caches.iterdir() if each.is_dir())
    with FileLock(cache / "00000-of-00001.lock"), pytest.raises(Conflict, match="a run is filling one of the caches"):
        json_of(capsys, "--clear")
    assert len(json_of(capsys, "--list")) == 2
    assert json_of(capsys, "--clear")["freed_bytes"] > 1000
    assert json_of(capsys, "--list") == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("mulan", *TINY), InvalidRequest, "missing --lang"),
        (("mulann", "--lang", "yo", *TINY), UnknownMethod, "Did you mean `mulan`"),
        (("--list", "--clear"), InvalidRequest, "cannot be used together"),
        (("mulan", "--lang", "yo", "--engine", "spark"), InvalidRequest, "unknown engine `spark`: choose local or ray"),
    ],
)
def test_an_invalid_request_is_refused_in_one_line(
    arguments: tuple[str, ...], error: type[Exception], message: str, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(error, match=message) as caught:
        json_of(capsys, *arguments)
    assert "\n" not in str(caught.value)
