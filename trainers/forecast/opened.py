"""Open the models and the texts of a run without weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hub.bases.family import family_of
from hub.bases.frozen import FrozenBase
from hub.encoders.joined_encoder import JoinedEncoder
from hub.local import LocalHub
from trainers.corpora.corpus import Corpus
from trainers.forecast.planned_features import PlannedCorpus, without_values
from trainers.forecast.weightless import Weightless
from trainers.frozen.find_frozen import FrozenSource
from trainers.frozen.foundation import PIPELINE
from trainers.frozen.sentence_encoder import READOUT as SENTENCE_READOUT
from trainers.frozen.sentence_encoder import prefix_of
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.inputs.prompt_rules import PromptRules
from trainers.recipes.plan import Plan
from trainers.recipes.weight_types import FULL, WeightTypes, weight_types
from trainers.run import READOUT, RunRequest, find_vision


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
        """Return the base, or the dual encoder that is trained for."""
        return self.features.base

    @property
    def readers(self) -> list[nn.Module]:
        """Return the frozen models that compute the caches, without the autoencoder."""
        features, base = self.features, self.base
        joined = features.sentence_encoder
        models: list[nn.Module] = [each.model for each in (joined.parts if joined else (features.encoder,))]
        if isinstance(base, FrozenBase):
            models += [each for each in base.readers if each is not base.autoencoder]
        else:
            models.append(base.model)
        return models if features.vision is None else [*models, features.vision.model]

    @property
    def models(self) -> list[nn.Module]:
        """Return all frozen models."""
        base = self.base
        return [*self.readers, *([base.denoiser, base.autoencoder] if isinstance(base, FrozenBase) else [])]


def open_without_weights(
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
    """Open what `prepare` opens, from configurations. Raises its errors, except those about weights."""
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
        sample_latents=plan.sample_latents,
        cropping=plan.cropping,
    )
    scale = corpus.scale if isinstance(corpus, PlannedCorpus) else 1.0
    return Opened(plan, types, without_values(features, plan.needs, weightless), weightless, is_gpu, scale)


def bytes_of(*models: nn.Module) -> int:
    """Return the bytes of all weights and buffers, each storage once."""
    tensors = [each for model in models for each in (*model.parameters(), *model.buffers())]
    return sum({id(each): each.nbytes for each in tensors}.values())


def denoiser_bytes(denoiser: nn.Module, types: WeightTypes) -> int:
    """Return the bytes of a denoiser; in 8 bits its linear layers have one byte for each weight, and a number for each row."""
    if types.quantise == FULL:
        return bytes_of(denoiser)
    linear = [each.weight for each in denoiser.modules() if type(each) is nn.Linear]
    saved = sum(each.nbytes - each.numel() - len(each) * each.element_size() for each in linear)
    return bytes_of(denoiser) - saved
