"""FSDP: two processes with half of the weights each train, save, resume and publish like one process."""

from __future__ import annotations

import json
import operator
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torch.distributed.tensor import DTensor

from hub.errors import InvalidRequest
from hub.local import LocalHub
from tests.builders.training import processes as launching
from tests.builders.training.tiny_features import tiny
from trainers.corpora import CORPORA
from trainers.inputs.features import FeatureDataset
from trainers.learners.student import Student
from trainers.loop import sharding
from trainers.loop.distributed import close_process_group, process_place, wait_for_all
from trainers.loop.loop import train
from trainers.loop.method import Method
from trainers.loop.recipe import Recipe
from trainers.methods.altdiffusion import ConceptAlignment
from trainers.methods.full import FullTuning
from trainers.methods.iap import AttentionMatching
from trainers.publish_module import Cost, export
from trainers.run import RunRequest, train_module
from trainers.samples import generate_samples
from trainers.samples.samples import SampleRequest

RECIPE = Recipe(steps=3, batch_size=8, learning_rate=1e-3, warmup_steps=2, ema_decay=0.9, precision="no", seed=3)
METHODS = {"full": FullTuning, "concept": ConceptAlignment, "iap": AttentionMatching}
NEWEST = "checkpoint-0000003.safetensors"


def learn_all(folder: Path, parts: int) -> None:
    """Run the loop on three choices of trainable parts; each process writes what it held and which steps it ran.

    Two processes then lose the newest checkpoint of each run, which is kept as `lost.safetensors`, and resume from the one before.
    """
    features = tiny(folder)
    features.fill(["teacher", "latents"])
    rank, processes = process_place()
    for name in METHODS:
        runs = [_learn(name, features, folder / name, parts)]
        if processes > 1:
            if rank == 0:
                (folder / name / NEWEST).rename(folder / name / "lost.safetensors")
            wait_for_all()
            runs.append(_learn(name, features, folder / name, parts))
        (folder / f"held-{name}-{rank}.json").write_text(json.dumps(runs))
    close_process_group()


def _learn(name: str, features: FeatureDataset, folder: Path, parts: int) -> dict[str, Any]:
    """Return the numbers of weights that this process `held` and of the `whole`, and the `steps` that it ran."""
    torch.manual_seed(0)
    method: Method = METHODS[name](Student(features.encoder, features.base, with_denoiser=True), features)
    ran: dict[str, Any] = {"steps": []}

    def count(step: int) -> None:
        parameters = list(method.module.parameters())
        ran["whole"] = sum(p.numel() for p in parameters)
        ran["held"] = sum(p.to_local().numel() if isinstance(p, DTensor) else p.numel() for p in parameters)
        ran["steps"].append(step)

    recipe = replace(RECIPE, accumulation=parts)
    train(method, recipe, folder, quiet=True, log_every=1, checkpoint_every=2, device="cpu", on_log=count)
    return ran


def prepare(set_item: Callable[..., None] = operator.setitem, set_attribute: Callable[..., None] = setattr) -> None:
    """Let this process find the corpus `toy`, and generate sample images in few steps."""
    set_item(CORPORA, "toy", "tests.trainers.conftest:ToyCorpus")
    set_attribute(generate_samples, "STEPS", 5)


def publish(folder: Path, parts: int) -> None:
    """Train `full` as `hub train` does, with sample images."""
    order = RunRequest(
        method="full", base=os.environ["TINY_BASE"], encoder=os.environ["TINY_ENCODER"], corpus="toy", languages=("yo",),
        english_share=0.2, temperature=2.0, steps=4, seed=1, device="cpu",
        accumulation=parts,
    )  # fmt: skip
    with LocalHub.open() as hub:
        trained = train_module(order, hub, folder, resume=False, quiet=True, sample=SampleRequest(2))
        if not trained.rank:
            export(trained, folder / "artifact", Cost(trained.device_seconds, 0.0))


@pytest.fixture(scope="module")
def folders(
    tmp_path_factory: pytest.TempPathFactory, base_folder: Path, encoder_folder: Path
) -> Iterator[tuple[Path, Path]]:
    """Train everything in two processes that shard. Return a folder for one process, to compare with, and the folder of the two."""
    place = tmp_path_factory.mktemp("shards")
    one, two = place / "one", place / "two"
    one.mkdir(), two.mkdir()
    environment = {
        "TINY_BASE": str(base_folder), "TINY_ENCODER": str(encoder_folder), "HUB_HOME": str(place / "home"),
        "HUB_CARDS": str(place / "cards"),
    }  # fmt: skip
    calls = (("prepare",), ("refuse", two / "refused"), ("publish", two / "published", 1), ("learn_all", two, 1))
    said = launching.launch(
        [(__name__, name, arguments) for name, *arguments in calls], processes=2,
        environment={**environment, "ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"},
    )  # fmt: skip
    (two / "said").write_text(said)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        prepare(patch.setitem, patch.setattr)
        yield one, two


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def close(found: Path, expected: Path) -> None:
    """Tensor by tensor: Adam turns a gradient of a last bit's size into a step of a rate's size, hence 1e-3 of a weight."""
    ours, theirs = load_file(found), load_file(expected)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(
            ours[name], value, rtol=1e-3, atol=2e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.slow
def test_two_processes_with_half_of_the_weights_each_train_and_resume_like_one_process(
    folders: tuple[Path, Path],
) -> None:
    one, two = folders
    learn_all(one, 2)
    for name in METHODS:
        # float32: the mean of two gradients is a sum in another order, three AdamW updates long.
        assert losses(two / name) == pytest.approx(losses(one / name), rel=1e-4)
        assert len(set(losses(one / name))) == RECIPE.steps
        [alone] = json.loads((one / f"held-{name}-0.json").read_text())
        ranks = [json.loads((two / f"held-{name}-{rank}.json").read_text()) for rank in (0, 1)]
        for first, resumed in ranks:
            assert first["whole"] == alone["held"]
            assert 0.4 < first["held"] / first["whole"] < 0.6, "odd sizes are not shared evenly"
            assert (first["steps"], resumed["steps"]) == ([1, 2, 3], [3])
        assert sum(first["held"] for first, _ in ranks) == alone["held"]
        close(two / name / "lost.safetensors", one / name / NEWEST)
        lost, again = load_file(two / name / "lost.safetensors"), load_file(two / name / NEWEST)
        assert lost.keys() == again.keys()
        assert all(torch.equal(again[key], value) for key, value in lost.items())


@pytest.mark.slow
def test_sharded_weights_are_published_whole_and_an_unshardable_module_is_refused_before_anything_is_computed(
    folders: tuple[Path, Path],
) -> None:
    one, two = (folder / "published" for folder in folders)
    said = (two.parent / "said").read_text()
    assert "asks for FSDP, but `mulan` does not train a text encoder or denoiser" in said
    assert not (two.parent / "refused").exists()
    publish(one, parts=2)
    files = sorted(str(path.relative_to(one)) for path in (one / "artifact").rglob("*.safetensors"))
    assert len(files) == 3, "encoder, transformation and denoiser"
    for name in files:
        close(two / name, one / name)
    sheets = sorted(path.name for path in (one / "samples").iterdir())
    assert sheets == sorted(path.name for path in (two / "samples").iterdir())
    for name in sheets:
        ours, theirs = (np.asarray(Image.open(folder / "samples" / name), dtype=np.float32) for folder in (two, one))
        assert np.abs(ours - theirs).mean() < 2, "of 255: the same weights to a last bit, drawn in 5 steps"


def test_methods_that_cannot_be_sharded_are_refused_in_one_line(features: FeatureDataset) -> None:
    student = Student(features.encoder, features.base)
    sharding.check_shardable(student, RECIPE, "full")
    for module, recipe, reason in (
        (nn.Linear(2, 2), RECIPE, "asks for FSDP, but `mulan` does not train a text encoder or denoiser"),
        (student, replace(RECIPE, optimizer="muon"), "`muon` needs whole matrices"),
        (student, replace(RECIPE, precision="fp16"), "loss scaling for fp16"),
    ):
        with pytest.raises(InvalidRequest, match=reason) as caught:
            sharding.check_shardable(module, recipe, "mulan")
        assert "\n" not in str(caught.value)


def refuse(folder: Path) -> None:
    order = RunRequest(
        method="mulan", base=os.environ["TINY_BASE"], encoder=os.environ["TINY_ENCODER"], corpus="toy", languages=("yo",),
        english_share=0.2, temperature=2.0, steps=8, seed=1, device="cpu",
    )  # fmt: skip
    with LocalHub.open() as hub:
        try:
            train_module(order, hub, folder, resume=False, quiet=True)
        except InvalidRequest as error:
            sys.stderr.write(str(error))
