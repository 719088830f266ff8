"""FSDP: two processes with half of the weights each train, save, resume and publish like one process."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

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
from trainers.inputs.features import FeatureDataset
from trainers.learners.student import Student
from trainers.loop import sharding
from trainers.loop.distributed import close_process_group
from trainers.loop.loop import train
from trainers.loop.method import Method
from trainers.loop.recipe import Recipe
from trainers.methods.altdiffusion import ConceptAlignment
from trainers.methods.full import FullTuning
from trainers.methods.iap import AttentionMatching
from trainers.run import RunRequest, train_module

RECIPE = Recipe(steps=4, batch_size=8, learning_rate=1e-3, warmup_steps=2, ema_decay=0.9, precision="no", seed=3)
METHODS = {"full": FullTuning, "concept": ConceptAlignment, "iap": AttentionMatching}


def learn_all(folder: Path, parts: int) -> None:
    """Run the loop on three choices of trainable parts; each process writes the share of the weights that it held."""
    features = tiny(folder)
    features.fill(["teacher", "latents"])
    for name, make in METHODS.items():
        torch.manual_seed(0)
        method: Method = make(Student(features.encoder, features.base, with_denoiser=True), features)
        held: list[int] = []

        def count(_step: int, method: Method = method, held: list[int] = held) -> None:
            local = [p.to_local() if isinstance(p, DTensor) else p for p in method.module.parameters()]
            held[:] = [sum(p.numel() for p in local), sum(p.numel() for p in method.module.parameters())]

        recipe = replace(RECIPE, accumulation=parts)
        train(
            method, recipe, folder / name, quiet=True, log_every=1, checkpoint_every=2, device="cpu", on_log=count
        )  # fmt: skip
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        (folder / f"held-{name}-{rank}.json").write_text(json.dumps(held))
    close_process_group()


def publish(folder: Path, parts: int = 1) -> None:
    """Train `full` as `hub train` does, with sample images."""
    from trainers.corpora import CORPORA
    from trainers.publish_module import Cost, export
    from trainers.samples.samples import SampleRequest

    CORPORA["toy"] = "tests.trainers.conftest:ToyCorpus"
    order = RunRequest(
        method="full", base=os.environ["TINY_BASE"], encoder=os.environ["TINY_ENCODER"], corpus="toy", languages=("yo",),
        english_share=0.2, temperature=2.0, steps=8, seed=1, device="cpu",
        accumulation=parts,
    )  # fmt: skip
    with LocalHub.open() as hub:
        trained = train_module(order, hub, folder, resume=False, quiet=True, sample=SampleRequest(2))
        if not trained.rank:
            export(trained, folder / "artifact", Cost(trained.device_seconds, 0.0))


@pytest.fixture
def folders(tmp_path: Path, base_folder: Path, encoder_folder: Path) -> dict[str, str]:
    """Return the environment that names the folders of a run."""
    return {
        "TINY_BASE": str(base_folder), "TINY_ENCODER": str(encoder_folder), "HUB_HOME": str(tmp_path / "home"),
        "HUB_CARDS": str(tmp_path / "cards"),
    }  # fmt: skip


@pytest.fixture
def here(folders: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process train in those folders, as the single process to compare with."""
    for name, value in folders.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def launch(folders: dict[str, str]):
    """Run functions of this file in two processes that accelerate shards."""
    environment = {**folders, "ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}

    def run(*calls: tuple[str, Path, int], processes: int) -> str:
        named = [(__name__, name, (folder, parts)) for name, folder, parts in calls]
        return launching.launch(named, processes=processes, environment=environment)

    return run


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
    tmp_path: Path, launch, here: None
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    learn_all(one, 2)
    launch(("learn_all", two, 1), processes=2)
    newest = "checkpoint-0000004.safetensors"
    for name in METHODS:
        # float32: the mean of two gradients is a sum in another order, four AdamW updates long.
        assert losses(two / name) == pytest.approx(losses(one / name), rel=1e-4)
        assert len(set(losses(one / name))) == RECIPE.steps
        ranks = [json.loads((two / f"held-{name}-{rank}.json").read_text()) for rank in (0, 1)]
        (whole,) = {whole for _, whole in ranks}
        assert sum(held for held, _ in ranks) == whole == json.loads((one / f"held-{name}-0.json").read_text())[0]
        assert all(0.4 < held / whole < 0.6 for held, _ in ranks), "odd sizes are not shared evenly"
        close(two / name / newest, one / name / newest)
    before = {name: load_file(two / name / newest) for name in METHODS}
    for name in METHODS:
        (two / name / newest).unlink()
    launch(("learn_all", two, 1), processes=2)
    for name, tensors in before.items():
        after = load_file(two / name / newest)
        assert all(torch.equal(after[key], value) for key, value in tensors.items())


@pytest.mark.slow
def test_sharded_weights_are_published_whole_and_an_unshardable_module_is_refused_before_anything_is_computed(
    tmp_path: Path, launch, here: None
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    said = launch(("refused", tmp_path / "no", 1), ("publish", two, 1), processes=2)
    assert "asks for FSDP, but `mulan` does not train a text encoder or denoiser" in said
    assert not (tmp_path / "no").exists()
    publish(one, parts=2)
    files = sorted(str(path.relative_to(one)) for path in (one / "artifact").rglob("*.safetensors"))
    assert len(files) == 3, "encoder, transformation and denoiser"
    for name in files:
        close(two / name, one / name)
    sheets = sorted(path.name for path in (one / "samples").iterdir())
    assert sheets == sorted(path.name for path in (two / "samples").iterdir())
    for name in sheets:
        ours, theirs = (np.asarray(Image.open(folder / "samples" / name), dtype=np.float32) for folder in (two, one))
        assert np.abs(ours - theirs).mean() < 2, "of 255: the same weights to a last bit, drawn in 20 steps"


def test_what_cannot_be_sharded_is_refused_in_one_line(features: FeatureDataset) -> None:
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


def refused(folder: Path, _parts: int) -> None:
    from trainers.corpora import CORPORA

    CORPORA["toy"] = "tests.trainers.conftest:ToyCorpus"
    order = RunRequest(
        method="mulan", base=os.environ["TINY_BASE"], encoder=os.environ["TINY_ENCODER"], corpus="toy", languages=("yo",),
        english_share=0.2, temperature=2.0, steps=8, seed=1, device="cpu",
    )  # fmt: skip
    with LocalHub.open() as hub:
        try:
            train_module(order, hub, folder, resume=False, quiet=True)
        except InvalidRequest as error:
            sys.stderr.write(str(error))
