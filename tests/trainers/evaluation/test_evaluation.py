"""Evaluators: metrics against known values and reference implementations, and the prompts of a task."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor, nn

from hub.bases.language_mixin import _REQUESTED, language_context
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.local import LocalHub
from trainers.corpora.corpus import Prompt
from trainers.evaluation.confidence import wilson
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask
from trainers.evaluation.fid import floor_of, frechet_distance
from trainers.evaluation.generation import GenerationEvaluator, generate_images
from trainers.evaluation.judge import Judge, pixel_features, ranks
from trainers.evaluation.retrieval import RetrievalEvaluator
from trainers.loop.sampler import generator_of


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    # Newcombe 1998, table I, method 3 (Wilson's score, no continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_that_of_the_published_table(successes: int, count: int, low: float, high: float) -> None:
    interval = wilson(successes, count)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert interval.value == successes / count


def test_an_impossible_share_has_no_interval() -> None:
    for successes, count in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="successes of"):
            wilson(successes, count)


def test_the_frechet_distance_is_torchmetrics_own() -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Flat(nn.Module):
        num_features = 12

        def forward(self, images: Tensor) -> Tensor:
            return images.float().flatten(1)

    torch.manual_seed(0)
    real = torch.randint(0, 255, (80, 3, 2, 2), dtype=torch.uint8)
    drawn = (torch.randint(0, 200, (60, 3, 2, 2)) + 20).to(torch.uint8)
    theirs = FrechetInceptionDistance(feature=Flat(), normalize=False, input_img_size=(3, 2, 2))
    theirs.set_dtype(torch.float64)
    theirs.update(real, real=True)
    theirs.update(drawn, real=False)
    ours = frechet_distance(real.flatten(1).float(), drawn.flatten(1).float())
    assert ours == pytest.approx(theirs.compute().item(), rel=1e-4)


def test_the_frechet_distance_of_a_set_to_itself_is_zero_and_its_floor_is_not() -> None:
    features = torch.randn(200, 8, generator=generator_of("features"))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)
    assert 0.05 < floor_of(features, generator_of(0, "halves")) < 2
    assert floor_of(features, generator_of(0, "halves")) == floor_of(features, generator_of(0, "halves"))


def test_ranks_count_nearer_entries_and_ties() -> None:
    gallery = torch.tensor([[1.0, 0], [0, 1], [1, 1], [1, 0]])
    queries = torch.tensor([[2.0, 0.1], [0, 3], [1, 1.01]])
    assert ranks(queries, gallery, torch.tensor([0, 1, 2])).tolist() == [1, 0, 0]


def test_pixel_features_do_not_depend_on_brightness() -> None:
    images = torch.rand(4, 3, 32, 32) * 0.5
    found = ranks(pixel_features(images + 0.3), pixel_features(images), torch.arange(4))
    assert found.tolist() == [0, 0, 0, 0]


class Memory:
    """A pipeline that returns the corpus's own image for a known prompt, and a black one otherwise."""

    device = torch.device("cpu")

    def __init__(self, corpus: Any, known: dict[str, str]) -> None:
        self._corpus, self._known = corpus, known

    def set_progress_bar_config(self, **settings: Any) -> None: ...

    def __call__(self, prompts: list[str], *, generator: list[torch.Generator], **settings: Any) -> Any:
        images = [
            self._corpus.images([self._known[text]])[0] / 255 if text in self._known else torch.zeros(3, 32, 32)
            for text in prompts
        ]
        return type("Answer", (), {"images": torch.stack(images)})()


def question(corpus: Any, hub: Any, **other: Any) -> EvaluationTask:
    return EvaluationTask(**{"corpus": corpus, "split": "seen", "language": "yo", "hub": hub, "quiet": True, **other})


def test_a_pipeline_that_generates_the_real_images_reaches_the_ceiling(corpus: Any, hub: LocalHub) -> None:
    known = {prompt.text: prompt.concept for prompt in corpus.prompts("yo", "seen")}
    memory = Memory(corpus, known)
    scores = GenerationEvaluator().evaluate(
        EvaluationSubject("memory", base="tiny-sd", pipeline=memory, plain=memory), question(corpus, hub)
    )
    found = {score.metric: score for score in scores}
    for k in (1, 5, 10):
        assert found[f"r_precision_at_{k}"].value == found[f"judge_ceiling_r_precision_at_{k}"].value
    assert found["pixel_nearest_at_1"].value <= 1
    assert found["fid[emoji-judge]"].better == "down"
    assert found["r_precision_at_1"].low <= found["r_precision_at_1"].value <= found["r_precision_at_1"].high
    assert found["r_precision_at_1"].sample_size == 10


def test_scores_are_the_modules_whatever_language_is_detected() -> None:
    asked = []

    class Asked:
        def languages(self) -> dict[str, tuple[str, ...]]:
            return {"mulan-many": ("yo", "sw")}

        def set_progress_bar_config(self, **settings: Any) -> None: ...

        def __call__(self, prompts: list[str], **settings: Any) -> Any:
            with language_context(None):  # as a pipeline's call without a language does
                asked.append(_REQUESTED.get())
            return type("Answer", (), {"images": torch.zeros(len(prompts), 3, 8, 8)})()

    generate_images(Asked(), [Prompt("a red heart on a table", "en", "heart", "red heart")], seed=0, quiet=True)
    assert asked == ["yo"]
    assert _REQUESTED.get() is None


def test_a_score_contains_the_command_to_reproduce_it_and_no_host_name(corpus: Any, hub: LocalHub) -> None:
    import platform

    memory = Memory(corpus, {})
    subject = EvaluationSubject("memory", "f" * 64, "tiny-sd", memory, memory)
    score = GenerationEvaluator().evaluate(subject, question(corpus, hub, count=3, seed=4))[0]
    assert (
        "hub evaluate memory --benchmark emoji-generation --split seen --lang yo --n 3 --seed 4 --base tiny-sd"
        in score.source
    )
    assert "ffffffffffff" in score.source
    assert platform.node() not in score.source
    assert (score.seed, score.sample_size, score.base) == (4, 3, "tiny-sd")


def test_every_language_is_evaluated_on_the_same_concepts(corpus: Any) -> None:
    for count in (3, 5):
        chosen = [question(corpus, None, language=tag, count=count, seed=1).prompts() for tag in ("en", "sw")]
        assert [prompt.concept for prompt in chosen[0]] == [prompt.concept for prompt in chosen[1]]
        assert len(chosen[0]) == count


def test_translated_tasks_have_the_english_meanings_of_the_same_prompts(corpus: Any) -> None:
    own = question(corpus, None, split="pairs").prompts()
    english = question(corpus, None, split="pairs", translated=True).prompts()
    assert [prompt.concept for prompt in own] == [prompt.concept for prompt in english]
    assert {prompt.text for prompt in english} == {"bread", "water"}


def test_an_empty_split_is_refused_and_the_others_are_listed(corpus: Any) -> None:
    with pytest.raises(InvalidRequest, match="no prompts in `sw` on split `pairs`. Available: seen"):
        question(corpus, None, language="sw", split="pairs").prompts()


def test_noise_depends_on_seed_and_concept_and_not_on_the_batch(base_folder: Any, corpus: Any) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(base_folder)
    prompts = [Prompt(word, "en", word, word) for word in ("dog", "cat", "sun")]
    together = generate_images(pipeline, prompts, seed=3, quiet=True)
    alone = generate_images(pipeline, prompts[2:], seed=3, quiet=True)
    assert together.shape == (3, 3, 32, 32)
    assert torch.allclose(together[2], alone[0], atol=1e-4)
    assert not torch.allclose(generate_images(pipeline, prompts[2:], seed=4, quiet=True), alone, atol=1e-3)


def test_an_encoder_finds_its_own_names(corpus: Any, encoder: TextEncoder) -> None:
    scores = RetrievalEvaluator().evaluate(
        EvaluationSubject("tiny", encoder=encoder), question(corpus, None, language="en")
    )
    assert [(score.metric, score.value) for score in scores] == [
        ("recall_at_1", 1.0),
        ("recall_at_5", 1.0),
        ("recall_at_10", 1.0),
    ]


def test_a_base_finds_its_own_names(corpus: Any, base_folder: Any) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(base_folder)
    subject = EvaluationSubject("tiny-sd", base="tiny-sd", pipeline=pipeline, plain=pipeline)
    assert RetrievalEvaluator().evaluate(subject, question(corpus, None, language="en"))[0].value == 1


def test_the_judge_returns_embeddings_of_length_one(judge_folder: Any) -> None:
    judge = Judge.from_folder(judge_folder, "tiny-judge")
    assert judge.text_features(["dog", "cat"]).norm(dim=1).tolist() == pytest.approx([1, 1])
    assert judge.image_features(torch.rand(2, 3, 48, 48)).shape == (2, 12)
