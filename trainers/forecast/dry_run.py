"""Forecast a run from its request: open its models without weights, count its steps, and collect what would be refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import ModelMixin
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.nn.attention import SDPBackend, sdpa_kernel

from hub.bases.family import family_of
from hub.bases.frozen import FrozenBase
from hub.encoders.joined_encoder import JoinedEncoder
from hub.errors import DoesNotFit, HubError
from hub.local import LocalHub
from hub.weights.sizes import gigabytes
from trainers.corpora import open_corpus
from trainers.corpora.corpus import Corpus
from trainers.cost import count_images
from trainers.forecast.configurations import find_base_configuration, find_encoder_configurations
from trainers.forecast.count_step import Counted, count, count_step
from trainers.forecast.forecast import Activations, Forecast, Stage
from trainers.forecast.planned_features import PlannedCorpus, host_bytes, without_values
from trainers.forecast.weightless import Weightless
from trainers.frozen.find_frozen import FrozenSource, image_side
from trainers.frozen.foundation import PIPELINE
from trainers.frozen.sentence_encoder import READOUT as SENTENCE_READOUT
from trainers.frozen.sentence_encoder import prefix_of
from trainers.inputs.features import IMAGES, PIXELS, FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.inputs.prompt_rules import PromptRules
from trainers.learners.denoiser_memory import recompute_activations
from trainers.loop.loop import shards_of
from trainers.loop.method import Draw
from trainers.loop.precision import precision_on
from trainers.loop.sampler import generator_of
from trainers.recipes.plan import Phase, Plan
from trainers.recipes.weight_types import FULL, PRECISIONS, WeightTypes, weight_types
from trainers.run import READOUT, RunRequest, fitted_plan, plan_of, find_vision
from trainers.run_folder import check_folder
from trainers.train_and_publish import SPLITS, run_folder

PROCESS = 2 << 30
"""Bytes of the host's memory that Python, torch and diffusers take, those of CUDA's libraries included."""
TEXTS_AT_ONCE = 256
"""Texts that a cache computes at a time, as `load_or_compute` does."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The models of a run without weights."""

    plan: Plan
    types: WeightTypes
    features: FeatureDataset
    weightless: Weightless
    is_gpu: bool
    scale: float
    """Examples of the corpus for each one of `features`."""

    @property
    def base(self) -> Any:
        return self.features.base


def forecast_run(
    request: RunRequest,
    hub: LocalHub,
    *,
    name: str,
    out: Path | None,
    pairs: int,
    resume: bool,
    overwrite: bool,
    price_per_hour: float,
    prompts: int,
) -> Forecast:
    """Return the forecast of a run, for a GPU unless the request names the CPU.

    `name` and `out` are those of `train_and_publish`. `pairs`: pairs to plan for; 0 opens the corpus. `prompts`: evaluation prompts per language and split.
    Raises the errors of `train_module` that do not depend on weights or on the machine.
    """
    plan = plan_of(request)
    base = find_base_configuration(plan.foundation, request.base, hub)
    encoders, refused = find_encoder_configurations(request.encoder, hub)
    plan = fitted_plan(plan, request, base, len(encoders))
    is_gpu = request.device != "cpu"
    corpus = PlannedCorpus(pairs, request.languages) if pairs else _corpus(request, base)
    with Weightless(is_gpu=is_gpu) as weightless:
        opened = _open(plan, request, base, encoders, corpus, weightless, hub, is_gpu=is_gpu)
        features = opened.features
        if not plan.reads_sentences:
            with torch.device("meta"):
                learner = plan.learner(features.base, features.encoder)
            weightless.start(features.base, *_models(opened, learner.module))
        else:
            weightless.start(features.base, *_models(opened))
            with weightless.fake:
                learner = plan.learner(features)
        caches, cache_flops = _caches(opened)
        stages = (caches, *(_stage(phase, learner.module, opened) for phase in plan.phases))
    disk = {need: round(size * opened.scale) for need, size in features.sizes(plan.needs).items()}
    if is_gpu and "latents" in disk:
        disk["latents"] //= 2  # in fp16, see `FeatureDataset`
    draws = plan.generates_images and not plan.is_repository
    forecast = Forecast(
        title=f"{plan.name} on {base.short_name} ({'+'.join(each.short_name for each in encoders)})",
        texts=round((len(features.texts_N) - 1) * opened.scale),
        pairs=round((len(features.english_M) - 1) * opened.scale),
        stages=stages,
        cache_flops=cache_flops,
        disk=disk,
        free_disk=shutil.disk_usage(_existing(hub.home.caches)).free,
        host=_host(opened, base, encoders, learner.module),
        images=count_images(corpus, request.languages, SPLITS, prompts) if draws else 0,
        price_per_hour=price_per_hour,
    )
    run = run_folder(name, request, hub, out)[1]
    machine = _refused(forecast, plan, run, resume=resume, overwrite=overwrite, is_gpu=is_gpu)
    return replace(forecast, refused=(*refused, *machine))


def _corpus(request: RunRequest, base: FrozenSource) -> Corpus:
    return open_corpus(request.corpus, request.columns, image_side(base.folder))


def _open(
    plan: Plan,
    request: RunRequest,
    base: FrozenSource,
    encoders: Sequence[FrozenSource],
    corpus: Corpus,
    weightless: Weightless,
    hub: LocalHub,
    *,
    is_gpu: bool,
) -> Opened:
    types = weight_types(plan, torch.device("cuda" if is_gpu else "cpu"), bf16=True if is_gpu else None)
    if plan.foundation is PIPELINE:
        opened: Any = weightless.base(base.folder, types.of_base(base.folder, family_of(base.folder).denoiser))
    else:
        opened = weightless.dual_encoder(base.folder)
    sentences = None
    if plan.reads_sentences:
        sentences = JoinedEncoder(
            tuple(
                weightless.encoder(each.folder, torch.float32, READOUT).with_readout(
                    SENTENCE_READOUT, prefix=prefix_of(each)
                )
                for each in encoders
            )
        )
        encoder = sentences.parts[0]
    else:
        encoder = weightless.encoder(encoders[0].folder, types.encoder(encoders[0].folder), READOUT)
    vision = find_vision(plan, hub)
    rules = plan.prompt_rules or PromptRules.plain(plan.length or opened.length)
    languages = ("en",) if plan.english_only else request.languages
    features = collect_features(
        corpus,
        Mixture(languages, request.english_share, request.temperature),
        opened,
        encoder,
        length=rules.positive.kept,
        store=Store(hub.home.caches, "", "", quiet=True),
        prompt_rules=rules,
        vision=weightless.dual_encoder(vision.folder) if vision else None,
        sentence_encoder=sentences,
    )
    scale = corpus.scale if isinstance(corpus, PlannedCorpus) else 1.0
    return Opened(plan, types, without_values(features, plan.needs, weightless), weightless, is_gpu, scale)


def _caches(opened: Opened) -> tuple[Stage, float]:
    """Return the stage that fills the caches, and its operations."""
    features, base, needs = opened.features, opened.base, opened.plan.needs
    resident = {"encoders": _bytes(*_readers(opened)), "autoencoder": 0}
    if isinstance(base, FrozenBase):
        resident["autoencoder"] = _bytes(base.autoencoder)
    peak, flops = 0, 0.0
    for need in needs:
        work, at_once, rows = _cache_work(need, opened)
        in_bf16 = torch.bfloat16 if need == "sentences" and opened.types.has_bf16 else None
        with torch.no_grad():
            counted = count(work, _models(opened), precision=in_bf16)
        peak, flops = max(peak, counted.peak_bytes), flops + counted.flops / at_once * rows * opened.scale
    del features
    return Stage("caches", 0, 0, 1, resident, Activations(False, peak, 0)), flops


def _cache_work(need: str, opened: Opened) -> tuple[Callable[[], Any], int, int]:
    """Return what computes some rows of a feature, how many, and how many there are."""
    features, base = opened.features, opened.base
    texts = ["a"] * TEXTS_AT_ONCE
    length, count_of = features.prompt_rules.positive.length, len
    match need:
        case "states":
            return lambda: features.encoder.encode(texts, length), TEXTS_AT_ONCE, count_of(features.texts_N)
        case "teacher":
            return lambda: base.read(texts), TEXTS_AT_ONCE, count_of(features.english_M)
        case "latents":
            few = max(1, min(IMAGES, PIXELS // base.side**2))
            images = torch.zeros(few, 3, base.side, base.side, dtype=torch.uint8)
            return lambda: base.latents(images), few, count_of(features.concept_M)
        case "captions":
            return lambda: features.dual.text_features(texts), TEXTS_AT_ONCE, count_of(features.english_M)
        case "images":
            images = torch.zeros(16, 3, 64, 64, dtype=torch.uint8)
            return lambda: features.dual.image_features(images), 16, count_of(features.concept_M)
        case _:
            encoder, phrases = features.sentence_encoder, features.phrases
            assert encoder is not None, "the plan reads sentences"
            rows = len(phrases.english_P) + len(phrases.texts_N)
            return lambda: encoder.encode(texts[:64], length), 64, rows


def _stage(phase: Phase, module: nn.Module, opened: Opened) -> Stage:
    """Count a step of a phase. Raises DoesNotFit if its step needs the values of weights."""
    recipe, plan, base = phase.recipe, opened.plan, opened.base
    at_once = max(1, recipe.batch_size // recipe.accumulation)
    with opened.weightless.fake:
        method = phase.make(module, opened.features)
    trained = sum(each.numel() for each in module.parameters() if each.requires_grad)
    has_denoiser = "latents" in plan.needs and isinstance(base, FrozenBase) and getattr(module, "denoiser", None) is None
    dual = () if isinstance(base, FrozenBase) else (base.model,)
    vision = () if opened.features.vision is None else (opened.features.vision.model,)
    resident = {
        "denoiser": _denoiser_bytes(base.denoiser, opened.types) if has_denoiser else 0,
        "dual encoder": _bytes(*dual, *vision),
        "module": _bytes(module),
        "gradients": 4 * trained,
        "optimizer": (4 if recipe.optimizer == "muon" else 8) * trained,
        "average": 4 * trained if recipe.ema_decay else 0,
    }
    precision = recipe.precision if opened.is_gpu else precision_on(torch.device("cpu"), recipe.precision)
    autocast = None if precision == "no" else PRECISIONS[precision]
    draw = Draw(0, torch.arange(at_once) % (len(opened.features.texts_N) - 1) + 1, generator_of(0, "noise", 0, 0))

    def counted(*, recompute: bool) -> Activations:
        with _attention(is_gpu=opened.is_gpu), recompute_activations(base, module, enabled=recompute):
            found = count_step(lambda: method.loss(draw).total, _models(opened, module), precision=autocast)
        return Activations(recompute, found.peak_bytes, found.flops)

    denoisers = [base.denoiser] if has_denoiser else []
    can_recompute = phase_runs_denoiser(phase) and any(
        isinstance(each, ModelMixin) and each._supports_gradient_checkpointing  # noqa: SLF001 - has no public name
        for each in (*denoisers, *module.modules())
    )
    try:
        found = counted(recompute=recipe.gradient_checkpointing)
        other = counted(recompute=not recipe.gradient_checkpointing) if can_recompute else None
    except (DataDependentOutputException, DynamicOutputShapeException) as error:
        raise DoesNotFit(
            f"a step of `{phase.name}` depends on the values of weights ({type(error).__name__}), so it cannot be counted without them: "
            "measure it with `--steps 10`."
        ) from error
    return Stage(phase.name, recipe.steps, recipe.batch_size, at_once, resident, found, other)


def phase_runs_denoiser(phase: Phase) -> bool:
    """Return whether a phase reads latents, which only a denoiser does."""
    return "latents" in phase.needs


@contextmanager
def _attention(*, is_gpu: bool) -> Iterator[None]:
    with nullcontext() if is_gpu else sdpa_kernel(SDPBackend.MATH):
        yield


def _readers(opened: Opened) -> list[nn.Module]:
    """Return the frozen models that compute the caches, without the autoencoder."""
    features, base = opened.features, opened.base
    joined = features.sentence_encoder
    models: list[nn.Module] = [each.model for each in (joined.parts if joined else (features.encoder,))]
    if isinstance(base, FrozenBase):
        models += [each for each in base.readers if each is not base.autoencoder]
    else:
        models.append(base.model)
    return models if features.vision is None else [*models, features.vision.model]


def _models(opened: Opened, *more: nn.Module) -> list[nn.Module]:
    base = opened.base
    own = [base.denoiser, base.autoencoder] if isinstance(base, FrozenBase) else []
    return [*_readers(opened), *own, *more]


def _bytes(*models: nn.Module) -> int:
    """Return the bytes of all weights and buffers, each storage once."""
    tensors = [each for model in models for each in (*model.parameters(), *model.buffers())]
    return sum({id(each): each.nbytes for each in tensors}.values())


def _denoiser_bytes(denoiser: nn.Module, types: WeightTypes) -> int:
    """Return the bytes of a denoiser; in 8 bits its linear layers have one byte for each weight, and a number for each row."""
    if types.quantise == FULL:
        return _bytes(denoiser)
    linear = [each.weight for each in denoiser.modules() if type(each) is nn.Linear]
    saved = sum(each.nbytes - each.numel() - len(each) * each.element_size() for each in linear)
    return _bytes(denoiser) - saved


def _host(opened: Opened, base: FrozenSource, encoders: Sequence[FrozenSource], module: nn.Module) -> dict[str, int]:
    """Return the host's memory at its peak: while the base is opened, or while its denoiser waits and an encoder is opened."""
    del base, encoders
    frozen, features = opened.base, opened.features
    encoder = _bytes(features.encoder.model)
    if isinstance(frozen, FrozenBase):
        denoiser = _bytes(frozen.denoiser)
        whole = denoiser + _bytes(*frozen.readers)
        weights = max(whole, denoiser + encoder) if opened.is_gpu else whole + encoder
    else:
        weights = _bytes(frozen.model) + encoder
    if not opened.is_gpu:
        weights += _bytes(module)
    return {"process": PROCESS, "texts": round(host_bytes(features) * opened.scale), "weights": weights}


def _refused(
    forecast: Forecast, plan: Plan, run: Path, *, resume: bool, overwrite: bool, is_gpu: bool
) -> Iterator[str]:
    """Yield the reasons for which the run would stop on this machine."""
    try:
        check_folder(run, resume=resume, overwrite=overwrite)
    except HubError as error:
        yield str(error)
    for phase in plan.phases:
        try:
            shards_of(phase.recipe, 1)
        except HubError as error:
            yield str(error)
    needed = sum(forecast.disk.values())
    if needed > forecast.free_disk:
        yield f"the caches need {gigabytes(needed)}, and {gigabytes(forecast.free_disk)} are free: free some space or set HUB_HOME."
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    host = forecast.host_bytes + (0 if is_gpu else forecast.device_bytes)
    if host > memory:
        yield f"this machine has {gigabytes(memory)} of memory, and the run needs {gigabytes(host)}."
    if is_gpu and torch.cuda.is_available():
        there = torch.cuda.get_device_properties(0).total_memory
        if forecast.device_bytes > there:
            yield f"this GPU has {gigabytes(there)}, and the run needs {gigabytes(forecast.device_bytes)}: use `--accumulate`."


def _existing(folder: Path) -> Path:
    """Return the nearest folder above that exists."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())
