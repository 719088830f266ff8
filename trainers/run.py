"""Run a training request: open the frozen models, collect the features, run every phase, resume after a crash."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from hub.bases.family import family_of
from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit, InvalidRequest
from hub.local import LocalHub
from hub.weights.digest import digest_of
from hub.weights.quantisation import quantise
from hub.weights.threads import limit_threads
from trainers import defaults
from trainers.check_corpus import check_images, check_translations
from trainers.check_prefix import check_prefix
from trainers.corpora import open_corpus
from trainers.corpora.captioned import CaptionedCorpus
from trainers.corpora.columns import Columns
from trainers.corpora.corpus import Corpus
from trainers.frozen.find_frozen import FrozenSource, find_dual_encoder, find_encoders, image_side
from trainers.frozen.foundation import PIPELINE, open_dual_encoder
from trainers.frozen.sentence_encoder import open_sentence_encoder
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.inputs.prompt_rules import PromptRules
from trainers.inputs.release import release
from trainers.learners.begin_from import begin_from, find_variant
from trainers.learners.learner import Learner
from trainers.loop import sharding
from trainers.loop.distributed import device_of, open_accelerator
from trainers.loop.loop import shards_of
from trainers.methods import get_plan
from trainers.phases import run_phase
from trainers.recipes.fit_to_base import check_vision, fit_to_base, refuse_by_card
from trainers.recipes.overrides import Overrides, settings_of
from trainers.recipes.plan import Plan
from trainers.recipes.weight_types import FULL, WeightTypes, weight_types
from trainers.run_folder import (
    EARLIER,
    EarlierRun,
    check_folder,
    check_same_request,
    continued_schedule,
    earlier_runs,
    start_folder,
)
from trainers.samples.samples import FOLDER as SAMPLES
from trainers.samples.samples import SampleRequest, Samples, choose_prompts

READOUT = "last_hidden_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A training request. A stopped run resumes exactly if the request is the same."""

    method: str
    base: str
    encoder: str
    corpus: str
    languages: tuple[str, ...]
    english_share: float = defaults.ENGLISH_SHARE
    temperature: float = defaults.TEMPERATURE
    steps: int | None = None
    """Updates over all phases; None keeps the numbers of the plan."""
    seed: int = 0
    device: str | None = None
    """`cpu`, or None to use CUDA if it is available."""
    recipe: str = ""
    """Name of the recipe file behind `changes`, for the card."""
    sets: tuple[str, ...] = ()
    """The values of `--set`, for the card."""
    changes: Overrides = field(default_factory=Overrides)
    """Overrides of the method's plan, from the recipe file and `--set`."""
    accumulation: int = 1
    """Gradient accumulation steps."""
    columns: Columns = field(default_factory=Columns)
    """Columns of a captioned corpus."""
    parent: str = ""
    """The module whose weights the run begins from; empty for random ones."""


@dataclass(frozen=True)
class RunResult:
    """A trained module and the facts of its run."""

    learner: Learner
    plan: Plan
    request: RunRequest
    base: FrozenSource
    encoders: tuple[FrozenSource, ...]
    """Several only for plans that read sentences."""
    corpus: Corpus
    length: int
    """Number of token states that the module receives."""
    prompt_rules: PromptRules
    width: int
    """Width of the token embeddings that the denoiser is conditioned on."""
    pooled_width: int | None
    """Width of its pooled embedding; None if it has none."""
    device: str
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time by phase; `caches` is the time to compute the frozen features."""
    losses: dict[str, dict[str, float]] = field(default_factory=dict)
    """Last losses by phase."""
    parameters: int = 0
    """Number of trained parameters."""
    earlier: tuple[EarlierRun, ...] = ()
    """The shorter runs that this one continues, oldest first."""
    rank: int = 0
    """Rank of this process. All processes hold the same weights; rank 0 publishes them."""
    processes: int = 1
    vision: FrozenSource | None = None
    """The dual encoder whose vision tower was used beside a text-to-image base."""

    @property
    def device_seconds(self) -> float:
        """Seconds over all phases and processes."""
        return sum(self.seconds.values()) * self.processes


NO_SAMPLES = SampleRequest()


def train_module(
    request: RunRequest,
    hub: LocalHub,
    folder: Path,
    *,
    resume: bool,
    quiet: bool,
    overwrite: bool = False,
    sample: SampleRequest = NO_SAMPLES,
    on_ready: Callable[[RunInputs, str], None] | None = None,
) -> RunResult:
    """Run every phase below `folder`; a resumed run skips the finished phases, `overwrite` removes an earlier run.

    `on_ready` is called by the main process before anything expensive, with the inputs and the name of the device.

    If the request of a resumed run has more steps than before, they are added to its last phase, even if that is finished. The
    process group stays open for the evaluation: see `close_process_group`.

    Raises `UnknownMethod`, `UnknownBase`, `UnknownCorpus`, and `InvalidRequest` for languages without texts, or if there is no run
    to resume, it used different settings, or `folder` has a run and neither `resume` nor `overwrite` is set.
    """
    accelerator = open_accelerator("no", request.device)
    check_folder(folder, resume=resume, overwrite=overwrite)
    accelerator.wait_for_everyone()  # Later, the main process may have written its own.
    device, started = device_of(accelerator), time.perf_counter()
    schedule = continued_schedule(folder, request.steps) if resume else None
    ready = prepare(request, hub, device, quiet=quiet, schedule=schedule)
    earlier = earlier_runs(folder, request.steps) if resume else []
    variant = find_variant(request.parent, ready.base.short_name, hub) if request.parent else None
    wanted = _as_json(request, ready, earlier) | ({"parent_digest": digest_of(variant)} if variant else {})
    if resume:
        check_same_request(folder, wanted)
    samples = _open_samples(sample, ready, request, folder)
    learner = _make_learner(ready.plan, ready.features, request.seed, accelerator)
    if variant is not None:
        begin_from(learner, variant, request.parent, ready.encoders[0].pin.digest)
    if on_ready is not None and accelerator.is_main_process:
        on_ready(ready, _device_name(device))
    ready.features.fill(ready.plan.needs)
    if samples is not None:
        samples.fill(ready.plan.needs)
    release(ready.features, learner.module)
    own = getattr(learner.module, "denoiser", None)
    if own is None and isinstance(ready.features.base, FrozenBase) and ("latents" in ready.plan.needs or samples):
        ready.features.base.denoiser.to(device)
    if accelerator.is_main_process:
        start_folder(folder, wanted, keep=resume)
    accelerator.wait_for_everyone()
    seconds = {"caches": time.perf_counter() - started}
    losses: dict[str, dict[str, float]] = {}
    parameters: dict[str, int] = {}
    module = learner.module.to("cpu" if sharding.is_requested(accelerator) else device)
    for number, phase in enumerate(ready.plan.phases):
        place, label = folder / f"{number}-{phase.name}", f"{ready.plan.name}: {phase.name}"
        outcome = run_phase(
            phase, place, module, ready.features, accelerator, label=label, samples=samples, quiet=quiet
        )
        seconds[phase.name], losses[phase.name] = outcome.seconds, outcome.losses
        parameters |= outcome.parameters
    module.eval().cpu()
    base = ready.features.base
    return RunResult(
        learner=learner,
        plan=ready.plan,
        request=request,
        base=ready.base,
        encoders=ready.encoders,
        corpus=ready.features.corpus,
        length=ready.features.length,
        prompt_rules=ready.prompt_rules,
        vision=ready.vision,
        width=base.width,
        pooled_width=getattr(base, "pooled_width", None),  # A dual encoder conditions no denoiser.
        device=_device_name(device),
        seconds=seconds,
        losses=losses,
        parameters=sum(parameters.values()),
        earlier=tuple(earlier),
        rank=accelerator.process_index,
        processes=accelerator.num_processes,
    )


def _make_learner(plan: Plan, features: FeatureDataset, seed: int, accelerator: Accelerator) -> Learner:
    """Create the seeded learner, after checking that every phase can be split over the processes.

    Raises `InvalidRequest` before any feature is computed.
    """
    for phase in plan.phases:
        shards_of(phase.recipe, accelerator.num_processes)
    torch.manual_seed(seed)
    learner = plan.learner(features) if plan.reads_sentences else plan.learner(features.base, features.encoder)
    if sharding.is_requested(accelerator):
        for phase in plan.phases:
            sharding.check_shardable(learner.module, phase.recipe, plan.name)
    return learner


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The opened inputs of a run; no features are computed yet."""

    plan: Plan
    base: FrozenSource
    encoders: tuple[FrozenSource, ...]
    prompt_rules: PromptRules
    features: FeatureDataset
    vision: FrozenSource | None = None
    """The dual encoder beside a text-to-image base."""

    @property
    def digests(self) -> list[str]:
        """Digests of the frozen models and the corpus; a run with other digests is not the same run."""
        sources = [self.base, *self.encoders] if self.vision is None else [self.base, *self.encoders, self.vision]
        return [*(source.pin.digest for source in sources), self.features.corpus.digest]


def prepare(
    request: RunRequest,
    hub: LocalHub,
    device: torch.device,
    *,
    quiet: bool,
    schedule: Sequence[Sequence[int]] | None = None,
) -> RunInputs:
    """Open the models and the corpus that a request names. `schedule`: the steps of a run that is continued.

    Raises the errors of `train_module`.
    """
    plan = plan_of(request)
    refuse_by_card(plan, request.base, hub, {*request.changes.only, *request.changes.phases})
    vision_source = find_vision(plan, hub)
    check_vision(plan, vision_source, request.base, hub)
    base_source, encoder_sources = plan.foundation.find(request.base, hub), find_encoders(request.encoder, hub)
    check_vision(plan, vision_source, str(base_source.folder), hub)
    plan = fitted_plan(plan, request, base_source, len(encoder_sources))
    plan = plan if schedule is None else plan.with_schedule(schedule)
    types = weight_types(plan, device)
    corpus = open_corpus(request.corpus, request.columns, image_side(base_source.folder), hub.home.caches)
    check_images(plan, corpus)
    if isinstance(corpus, CaptionedCorpus) and not quiet:
        tqdm.write("\n".join(corpus.report()), file=sys.stderr)
    base = _open_base(plan, base_source.folder, device, types)
    sentence_encoder = open_sentence_encoder(encoder_sources, device) if plan.reads_sentences else None
    if sentence_encoder is None:
        encoder = TextEncoder.from_folder(
            encoder_sources[0].folder, readout=READOUT, device=device, dtype=types.encoder(encoder_sources[0].folder)
        )
    else:
        encoder = sentence_encoder.parts[0]
    prompt_rules = plan.prompt_rules or PromptRules.plain(plan.length or base.length)
    check_prefix(prompt_rules, encoder, "+".join(each.short_name for each in encoder_sources))
    features = collect_features(
        corpus,
        Mixture(("en",) if plan.english_only else request.languages, request.english_share, request.temperature),
        base,
        encoder,
        length=prompt_rules.positive.kept,
        prompt_rules=prompt_rules,
        store=Store(
            hub.home.caches, base_source.pin.digest, "+".join(each.pin.digest for each in encoder_sources), quiet,
            vision_digest=vision_source.pin.digest if vision_source else "",
        ),
        vision=open_dual_encoder(vision_source.folder, device) if vision_source else None,
        sentence_encoder=sentence_encoder,
        sample_latents=_samples_latents(plan, base),
        cropping=plan.cropping,
    )  # fmt: skip
    check_translations(plan, features)
    return RunInputs(plan, base_source, encoder_sources, prompt_rules, features, vision_source)


def _samples_latents(plan: Plan, base: Any) -> bool:
    """Return whether latents are sampled from the autoencoder's posterior. Raises `InvalidRequest`, and `DoesNotFit` if it has none."""
    if plan.sample_latents and not base.has_posterior:
        raise DoesNotFit(
            f"the autoencoder of this base ({base.family}) has one latent for each image and no posterior: omit `sample_latents`."
        )
    return plan.sample_latents


def plan_of(request: RunRequest) -> Plan:
    """Return the method's plan with the request's settings. Raises `UnknownMethod`, `InvalidRequest`."""
    what = f"recipe {request.recipe}" if request.recipe else f"`{request.method}`"
    return request.changes.apply(get_plan(request.method), what=what)


def fitted_plan(plan: Plan, request: RunRequest, base: FrozenSource, encoders: int) -> Plan:
    """Return the plan with the request's steps, and only the phases that fit the base. Raises `DoesNotFit`, `InvalidRequest`."""
    plan = fit_to_base(plan, base, {*request.changes.only, *request.changes.phases})
    plan = plan.with_steps(request.steps, request.seed).with_accumulation(request.accumulation)
    if encoders > 1 and not plan.reads_sentences:
        raise InvalidRequest(f"`{plan.name}` is trained on one encoder, not on {encoders}: name one with --encoder.")
    return plan


def _open_base(plan: Plan, folder: Path, device: torch.device, types: WeightTypes) -> Any:
    """Open the base in the types of the run, its denoiser quantised if a recipe says so, and on the CPU until the caches are filled."""
    if plan.foundation is not PIPELINE:
        return plan.foundation.open(folder, device)
    base = plan.foundation.open(folder, device, dtypes=types.of_base(folder, family_of(folder).denoiser))
    if types.quantise != FULL:
        quantise(base.denoiser, types.quantise, device=device, dtype=types.denoiser)
    base.denoiser.to("cpu")
    return base


def find_vision(plan: Plan, hub: LocalHub) -> FrozenSource | None:
    """Find the dual encoder of the phase option `vision`. Raises `InvalidRequest` if two phases name different ones."""
    names = {str(settings_of(phase)["vision"]) for phase in plan.phases if "vision" in settings_of(phase)}
    if len(names) > 1:
        raise InvalidRequest(f"all phases must use the same `vision`, not {' and '.join(sorted(names))}.")
    return find_dual_encoder(names.pop(), hub) if names else None


def _open_samples(wanted: SampleRequest, ready: RunInputs, request: RunRequest, folder: Path) -> Samples | None:
    """Prepare the sample images; None if none are requested, or, with a warning, if the method generates no images."""
    if not wanted.every:
        return None
    if not ready.plan.generates_images:
        tqdm.write(f"`{ready.plan.name}` generates no images: `--sample-every` is ignored.", file=sys.stderr)
        return None
    prompts = choose_prompts(ready.features.corpus, request.languages, wanted.prompts)
    return Samples(ready.features, prompts, folder / SAMPLES, request.seed, wanted.every)


def _as_json(request: RunRequest, ready: RunInputs, earlier: Sequence[EarlierRun]) -> dict[str, Any]:
    facts = {
        **dataclasses.asdict(request),
        "digests": ready.digests,
        "schedule": ready.plan.schedule,
        EARLIER: [dataclasses.asdict(each) for each in earlier],
    }
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with limit_threads(device):
        count = torch.get_num_threads()
    return f"{count} CPU thread{'s' * (count > 1)}"
