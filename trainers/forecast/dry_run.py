"""Forecast a run from its request: open its models without weights, count its steps, and collect what would be refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from hub.bases.frozen import FrozenBase
from hub.errors import HubError
from hub.local import LocalHub
from hub.weights.sizes import gigabytes
from trainers.check_corpus import check_images
from trainers.check_prefix import check_prefix
from trainers.corpora import open_corpus
from trainers.corpora.corpus import Corpus
from trainers.cost import count_images
from trainers.forecast.configurations import find_base_configuration, find_encoder_configurations
from trainers.forecast.forecast import Forecast
from trainers.forecast.opened import Opened, bytes_of, open_without_weights
from trainers.forecast.planned_features import PlannedCorpus, host_bytes
from trainers.forecast.stages import count_caches, count_phase
from trainers.forecast.weightless import Weightless
from trainers.frozen.find_frozen import FrozenSource, image_side
from trainers.loop.loop import shards_of
from trainers.recipes.plan import Plan
from trainers.run import RunRequest, fitted_plan, plan_of
from trainers.run_folder import check_folder
from trainers.train_and_publish import SPLITS, run_folder

PROCESS = 2 << 30
"""Bytes of the host's memory that Python, torch and diffusers take, those of CUDA's libraries included."""


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

    `name` and `out` are those of `train_and_publish`. `pairs`: number of pairs to assume; 0 opens the corpus. `prompts`: evaluation prompts
    per language and split.
    Raises the errors of `train_module` that do not depend on weights or on the machine.
    """
    plan = plan_of(request)
    base = find_base_configuration(plan.foundation, request.base, hub)
    encoders, refused = find_encoder_configurations(request.encoder, hub)
    plan = fitted_plan(plan, request, base, len(encoders))
    is_gpu = request.device != "cpu"
    corpus = PlannedCorpus(pairs, request.languages) if pairs else _corpus(request, base, hub)
    check_images(plan, corpus)
    weightless = Weightless(is_gpu=is_gpu)
    opened = open_without_weights(plan, request, base, encoders, corpus, weightless, hub, is_gpu=is_gpu)
    features = opened.features
    with torch.device("meta"):
        learner = plan.learner(features) if plan.reads_sentences else plan.learner(features.base, features.encoder)
    weightless.start(features.base, *opened.models, learner.module)
    caches, cache_flops = count_caches(opened)
    stages = (caches, *(count_phase(phase, learner.module, opened) for phase in plan.phases))
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
        host=_host(opened, learner.module),
        images=count_images(corpus, request.languages, SPLITS, prompts) if draws else 0,
        price_per_hour=price_per_hour,
    )
    run = run_folder(name, request, hub, out)[1]
    try:
        check_prefix(features.prompt_rules, features.encoder, "+".join(each.short_name for each in encoders))
    except HubError as error:
        refused.append(str(error))
    machine = _refused(forecast, plan, run, resume=resume, overwrite=overwrite, is_gpu=is_gpu)
    return replace(forecast, refused=(*refused, *machine))


def _corpus(request: RunRequest, base: FrozenSource, hub: LocalHub) -> Corpus:
    return open_corpus(request.corpus, request.columns, image_side(base.folder), hub.home.caches)


def _host(opened: Opened, module: nn.Module) -> dict[str, int]:
    """Return the host's memory at its peak: while the base is opened, or while its denoiser waits and an encoder is opened."""
    frozen, features = opened.base, opened.features
    encoder = bytes_of(features.encoder.model)
    if isinstance(frozen, FrozenBase):
        denoiser = bytes_of(frozen.denoiser)
        whole = denoiser + bytes_of(*frozen.readers)
        weights = max(whole, denoiser + encoder) if opened.is_gpu else whole + encoder
    else:
        weights = bytes_of(frozen.model) + encoder
    if not opened.is_gpu:
        weights += bytes_of(module)
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
