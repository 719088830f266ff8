"""Processes divide the caches, the sample images and the evaluation, on one machine or on machines that share no folder."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hub.home import Home
from hub.loader import load_pipeline, load_retriever
from hub.local import LocalHub
from tests.builders.training import processes as launching
from tests.builders.training.tiny_features import tiny
from tests.builders.training.toy import ToyCorpus
from trainers.corpora import CORPORA
from trainers.evaluation import evaluate, subjects
from trainers.evaluation.evaluate import EvaluationRequest
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask
from trainers.evaluation.generation import SETTINGS, GenerationEvaluator, generate_images
from trainers.evaluation.recall import RetrievalSides
from trainers.inputs import feature_cache
from trainers.inputs.feature_cache import FeatureCache
from trainers.loop.distributed import open_accelerator, process_place
from trainers.methods import get_plan
from trainers.run import RunRequest
from trainers.samples import generate_samples as sampling
from trainers.samples.samples import SampleRequest, choose_prompts
from trainers.train_and_publish import SPLITS, train_and_publish

PROMPTS = 3
"""Evaluated per language and split."""
STEPS = 4
"""Of denoising."""


def fill(shared: Path, own: Path) -> None:
    """Fill a cache in a shared folder, and one in a folder of each process; write which rows this process computed."""
    open_accelerator("no", "cpu")
    rank, _ = process_place()
    feature_cache.SHARD_ROWS = 2
    for folder in (shared, own / str(rank)):
        computed: list[int] = []

        def compute(first: int, last: int, computed: list[int] = computed) -> Any:
            time.sleep(0.02)
            computed.extend(range(first, last))
            return np.arange(first, last, dtype=np.float16)[:, None]

        rows = FeatureCache(folder=folder, key="k", shape=(40, 1), compute=compute, quiet=True).load()
        assert rows.all()[:, 0].tolist() == list(range(40))
        (folder / f"computed-{rank}.json").write_text(json.dumps(computed))


def draw(folder: Path) -> None:
    """Draw sample images and images of the evaluation, and embed for retrieval; each process writes all that it got."""
    open_accelerator("no", "cpu")
    features = tiny(folder)
    sampling.STEPS = STEPS
    torch.manual_seed(5)
    module = get_plan("token-kd").learner(features.base, features.encoder).module.eval()
    prompts = choose_prompts(ToyCorpus(), ["yo", "sw"], ["oòrùn"])
    samples = sampling.generate_samples(module, sampling.with_prompts(features, prompts), seed=1)
    with LocalHub.open() as hub:
        pipeline = load_pipeline("tiny-sd", hub=hub, device="cpu")
        subject = EvaluationSubject("judge", retriever=load_retriever("emoji-judge", hub=hub, device="cpu"))
        texts, real = RetrievalSides(subject, EvaluationTask(ToyCorpus(), "seen", "yo", hub)).embed()
    images = generate_images(pipeline, prompts, seed=1, quiet=True, settings={**SETTINGS, "num_inference_steps": STEPS})
    found = {"samples": samples, "images": images, "texts": texts, "real": real}
    place = folder / f"drawn-{process_place()[0]}.safetensors"
    save_file({name: each.contiguous() for name, each in found.items()}, place)


def publish(folder: Path, home: str) -> None:
    """Train and evaluate as `hub train` does, in `home`, whose `{rank}` is that of the process; write the scores on rank 0."""
    GenerationEvaluator.steps = STEPS
    CORPORA["toy"] = "tests.trainers.conftest:ToyCorpus"
    rank = int(os.environ.get("RANK", "0"))
    order = RunRequest(
        method="token-kd", base="tiny-sd", encoder="tiny-xlmr", corpus="toy", languages=("yo",), steps=4, seed=1, device="cpu"
    )  # fmt: skip
    place = Path(home.format(rank=rank))
    with LocalHub.open(Home(place / "registry.db", place, Path(os.environ["HUB_CARDS"]))) as hub:
        outcome = train_and_publish(
            order, hub, name="m", out=None, sample=SampleRequest(), price_per_hour=0.0, prompts=PROMPTS, push=False,
            resume=False, overwrite=False, quiet=True,
        )  # fmt: skip
    assert (outcome is None) == (rank > 0)
    if outcome is not None:
        scores = [[score.metric, score.language, score.split, score.value] for score in outcome.scores]
        (folder / "scores.json").write_text(json.dumps(scores))


@pytest.fixture
def launch(hub: LocalHub, base_folder: Path, encoder_folder: Path) -> Callable[..., str]:
    """Call functions of this file in two processes that are connected."""
    environment = {
        "TINY_BASE": str(base_folder), "TINY_ENCODER": str(encoder_folder), "HUB_HOME": str(hub.home.folder),
        "HUB_CARDS": str(hub.home.cards),
    }  # fmt: skip

    def run(*calls: tuple[Any, ...]) -> str:
        named = [(__name__, name, arguments) for name, *arguments in calls]
        return launching.launch(named, processes=2, environment=environment)

    return run


@pytest.mark.slow
def test_two_processes_divide_caches_and_images_and_get_the_same_results_as_one(
    tmp_path: Path, launch: Callable[..., str], monkeypatch: pytest.MonkeyPatch, hub: LocalHub, base_folder: Path, encoder_folder: Path
) -> None:  # fmt: skip
    shared, own = tmp_path / "shared", tmp_path / "own"
    two, one = tmp_path / "two", tmp_path / "one"
    one.mkdir(), two.mkdir()
    launch(("fill", shared, own), ("draw", two))
    first, second = (json.loads((shared / f"computed-{rank}.json").read_text()) for rank in (0, 1))
    assert sorted([*first, *second]) == list(range(40)), "each row once"
    assert min(len(first), len(second)) >= 10, "about half each"
    for rank in (0, 1):
        assert sorted(json.loads((own / str(rank) / f"computed-{rank}.json").read_text())) == list(range(40))
    monkeypatch.setattr(sampling, "STEPS", STEPS)
    monkeypatch.setenv("TINY_BASE", str(base_folder))
    monkeypatch.setenv("TINY_ENCODER", str(encoder_folder))
    draw(one)
    expected = load_file(one / "drawn-0.safetensors")
    for rank in (0, 1):
        for name, found in load_file(two / f"drawn-{rank}.safetensors").items():
            torch.testing.assert_close(found, expected[name], rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("home", ["home", "home-{rank}"])
def test_two_processes_evaluate_what_they_trained_also_on_machines_that_share_no_folder(
    home: str, tmp_path: Path, launch: Callable[..., str], hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GenerationEvaluator, "steps", STEPS)
    if home != "home":
        for rank in (0, 1):
            shutil.copytree(hub.home.folder, tmp_path / home.format(rank=rank), symlinks=True)
    launch(("publish", tmp_path, str(tmp_path / home)))
    found = json.loads((tmp_path / "scores.json").read_text())
    assert {language for _, language, _, _ in found} == {"yo", "en"}
    artifact = tmp_path / home.format(rank=0) / "runs" / "m" / "m"
    subject = subjects.module_subject("m", artifact, "tiny-sd", hub, "cpu")
    request = EvaluationRequest((), SPLITS, ("yo",), PROMPTS)
    alone = evaluate.evaluate_for_card(subject, request, ToyCorpus(), hub, quiet=True)
    assert [[each.metric, each.language, each.split] for each in alone] == [each[:3] for each in found]
    assert [each.value for each in alone] == pytest.approx([each[3] for each in found], rel=1e-3)
