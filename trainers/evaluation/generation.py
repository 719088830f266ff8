"""`emoji-generation`: do generated images show what their prompts mean?

R-precision@k is the share of images whose right English name is among the k nearest names of the gallery, according to an
independent dual encoder. Three more metrics are reported: the share of images whose nearest real image, by pixels, is the
right one; the judge's R-precision for real images; and the Fréchet distance of the judge's features, with its floor.

Shape letters: N images, G gallery, D features, P pixel features, K all of them, H and W an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from hub.bases.language_mixin import language_context
from hub.errors import InvalidRequest
from hub.records import Score
from trainers.corpora.corpus import Corpus, Prompt
from trainers.evaluation.confidence import Interval, wilson
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask, make_score
from trainers.evaluation.fid import floor_of, frechet_distance
from trainers.evaluation.judge import Judge, pixel_features, ranks, resize
from trainers.evaluation.results.result_log import Result
from trainers.evaluation.results.work import Work, results_of
from trainers.inputs.feature_cache import key_of
from trainers.loop.distributed import compute_on_all_ranks, process_place
from trainers.loop.failures import compute_in_parts
from trainers.loop.sampler import NOISE_STREAM, generator_of

GUIDANCE = 2.5
"""Guidance scale of every subject; the base is best with English prompts between 2 and 3."""
STEPS = 20
SETTINGS: Mapping[str, Any] = MappingProxyType({"num_inference_steps": STEPS, "guidance_scale": GUIDANCE})
BATCH_SIZE, PIXELS = 64, 4 << 20
"""Images, and their pixels, that are generated at a time; decoding one of 1024 px takes 3 GB in fp32."""
CHUNK = 128
"""Images of the gallery in memory at a time."""
DEFAULT_SIDE = 1024
"""Default side of images in pixels, if a pipeline's configuration does not define it."""
JUDGE = "linguahub/emoji-judge"
RANKS = (1, 5, 10)


class GenerationEvaluator:
    """Generates an image for every prompt of a split and evaluates the images."""

    name = "emoji-generation"
    needs = "pipeline"
    steps = STEPS
    """Denoising steps."""

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge = judge

    def evaluate(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
        """Return R-precision@1, 5 and 10, pixel nearest neighbour, the judge's ceiling, and the FID with its floor.

        Raises `InvalidRequest` for a subject without a pipeline, or a split without prompts.
        """
        (work,) = self.works(subject, task)
        judge, prompts = self._get_judge(task), task.prompts()
        gallery, right_N = task.gallery(prompts)
        names_GD = judge.text_features([prompt.text for prompt in gallery])
        kept_NK = torch.stack([result.features_D for result in results_of(work, subject, quiet=task.quiet)])
        width = names_GD.shape[1]
        generated_ND, generated_NP, side = kept_NK[:, :width], kept_NK[:, width:-1], int(kept_NK[0, -1])
        real_GD, pixels_GP = _real_features(judge, task.corpus, gallery, side)
        values: dict[str, float | Interval] = {}
        for k, interval in shares_at(ranks(generated_ND, names_GD, right_N)).items():
            values[f"r_precision_at_{k}"] = interval
        values["pixel_nearest_at_1"] = shares_at(ranks(generated_NP, pixels_GP, right_N))[1]
        for k, interval in shares_at(ranks(real_GD[right_N], names_GD, right_N)).items():
            values[f"judge_ceiling_r_precision_at_{k}"] = interval
        extractor = judge.name.rpartition("/")[2]
        scores = [make_score(metric, value, self.name, subject, task) for metric, value in values.items()]
        if len(prompts) > 1:
            distance = frechet_distance(generated_ND, real_GD)
            floor = floor_of(real_GD, generator_of(task.seed, "halves"))
            for metric, value in ((f"fid[{extractor}]", distance), (f"fid_floor[{extractor}]", floor)):
                scores.append(
                    make_score(metric, value, self.name, subject, task, better="down", sample_size=len(prompts))
                )
        return scores

    def works(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Work]:
        """Return the images that `evaluate` judges. Raises `InvalidRequest`."""
        if subject.pipeline is None:
            raise InvalidRequest(f"`{subject.name}` generates no images: evaluate it on `emoji-retrieval`.")
        prompts, settings = task.prompts(), {**SETTINGS, "num_inference_steps": self.steps}

        def compute(loaded: EvaluationSubject, places: Sequence[int]) -> list[Result]:
            """Return of each image the judge's features, its pixel features and its side."""
            some = [prompts[place] for place in places]
            images_N3HW = draw_images(loaded.pipeline, some, seed=task.seed, settings=settings)
            features_ND = self._get_judge(task).image_features(images_N3HW)
            pixels_NP = pixel_features(images_N3HW).float()
            side_N1 = torch.full((len(some), 1), float(images_N3HW.shape[-1]))
            return [Result(row_K) for row_K in torch.cat([features_ND, pixels_NP, side_N1], dim=1)]

        # A log on disk outlives the process: another judge must not continue it.
        judge = "" if task.logs is None else task.hub.registry.get(JUDGE).weights_digest
        keys = (key_of(subject.is_module, prompt.concept, prompt.text)[:32] for prompt in prompts)
        work = Work(
            label=_label(subject, task), unit="image", keys=tuple(keys), compute=compute,
            log=task.log(subject, self.name, task.seed, judge),
            batch_size=lambda loaded: batch_size_of(loaded.pipeline),
        )  # fmt: skip
        return [work]

    def _get_judge(self, task: EvaluationTask) -> Judge:
        if self._judge is None:
            self._judge = Judge.from_folder(task.hub.snapshot(JUDGE), JUDGE)
        return self._judge


class FewStepsEvaluator(GenerationEvaluator):
    """The same with the denoising steps of the study: a separate benchmark, because images of different samplers are not comparable."""

    name = "emoji-generation-8-steps"
    steps = 8


def _real_features(judge: Judge, corpus: Corpus, gallery: Sequence[Prompt], side: int) -> tuple[Tensor, Tensor]:
    """Return the judge's features (G, D) of a gallery's real images, and pixel features of them at `side` pixels."""
    found = []
    for first in range(0, len(gallery), CHUNK):
        concepts = [prompt.concept for prompt in gallery[first : first + CHUNK]]
        real_C3HW = corpus.images(concepts).float() / 255
        found.append((judge.image_features(real_C3HW), pixel_features(resize(real_C3HW, side))))
    features, pixels = zip(*found, strict=True)
    return torch.cat(features), torch.cat(pixels)


def generate_images(
    pipeline: Any,
    prompts: Sequence[Prompt],
    *,
    seed: int,
    quiet: bool = False,
    label: str = "generating",
    settings: Mapping[str, Any] = SETTINGS,
) -> Tensor:
    """Generate the images of prompts, (N, 3, H, W) in 0…1. An image's noise depends on (seed, concept) alone.

    `settings` are arguments of the pipeline's call; those of the lab by default. The processes of a distributed run divide the prompts
    among them, and each returns all images.
    """
    rank, processes = process_place()
    with tqdm(total=len(prompts), desc=label, unit="image", disable=quiet or rank != 0) as bar:

        def generate(first: int, last: int) -> Tensor:
            images_B3HW = draw_images(pipeline, prompts[first:last], seed=seed, settings=settings)
            bar.update(min((last - first) * processes, len(prompts) - bar.n))
            return images_B3HW

        return compute_on_all_ranks(generate, len(prompts), batch_size_of(pipeline))


def draw_images(
    pipeline: Any, prompts: Sequence[Prompt], *, seed: int, settings: Mapping[str, Any] = SETTINGS
) -> Tensor:
    """Generate the images of a batch of prompts in this process, (N, 3, H, W) in 0…1; half as many at a time if memory is short.

    Raises `OutOfMemory` if a single one does not fit.
    """
    pipeline.set_progress_bar_config(disable=True)

    def draw(first: int, last: int) -> Tensor:
        batch = prompts[first:last]
        with read_by_module(pipeline):
            output = pipeline(
                [prompt.text for prompt in batch],
                **settings,
                generator=[generator_of(seed, NOISE_STREAM, prompt.concept) for prompt in batch],
                output_type="pt",
            )
        images_B3HW: Tensor = output.images.float().cpu().clamp(0, 1)
        return images_B3HW

    return torch.cat(compute_in_parts(draw, 0, len(prompts), what="images"))


def batch_size_of(pipeline: Any) -> int:
    """Return how many images of a pipeline are generated at a time."""
    return max(1, min(BATCH_SIZE, PIXELS // side_of(pipeline) ** 2))


def side_of(pipeline: Any) -> int:
    """Return the side of a pipeline's images in pixels, or `DEFAULT_SIDE` if its configuration does not define it."""
    denoiser = getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)
    size = getattr(getattr(denoiser, "config", None), "sample_size", None)
    factor = getattr(pipeline, "vae_scale_factor", None)
    return int(size * factor) if isinstance(size, int) and isinstance(factor, int) else DEFAULT_SIDE


@contextmanager
def read_by_module(pipeline: Any) -> Iterator[None]:
    """Let the module of `pipeline`, if it has one, read every prompt: in English and in languages that it never saw as well.

    A prompt without a language would be the base's if it is detected as English, and scores are those of the module.
    """
    languages = pipeline.languages().values() if hasattr(pipeline, "languages") else ()
    with language_context(next((tags[0] for tags in languages), None)):
        yield


def shares_at(ranks_N: Tensor) -> dict[int, Interval]:
    """Return the shares of ranks (N,) below 1, 5 and 10."""
    return {k: wilson(int((ranks_N < k).sum()), len(ranks_N)) for k in RANKS}


def _label(subject: EvaluationSubject, task: EvaluationTask) -> str:
    return f"{subject.name}: {task.language}, {task.split}"
