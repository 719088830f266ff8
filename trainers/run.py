"""From an order to a trained module: gather, run the phases, keep what is needed to go on after a crash."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest, Unreachable
from hub.local import LocalHub
from trainers import defaults
from trainers.corpora import open_corpus
from trainers.corpora.captioned import CaptionedCorpus, Columns
from trainers.corpora.corpus import Corpus
from trainers.frozen.foundation import open_dual_encoder
from trainers.frozen.resolve import FrozenSource, find_dual_encoder, find_encoder, image_side
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.inputs.prompt_rules import PromptRules
from trainers.learners.learner import Learner
from trainers.loop import sharding
from trainers.loop.loop import shards_of
from trainers.loop.processes import device_of, leave, open_accelerator
from trainers.methods import get_plan
from trainers.phases import run_phase, threads
from trainers.recipes.overrides import Overrides, settings_of
from trainers.recipes.plan import Plan
from trainers.samples.samples import FOLDER as SAMPLES
from trainers.samples.samples import SampleRequest, Samples, choose_prompts

READOUT = "last_hidden_state"
ORDER = "order.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What somebody asked to be trained; with the same order a stopped run goes on where it was."""

    method: str
    base: str
    encoder: str
    corpus: str
    languages: tuple[str, ...]
    english_share: float = defaults.ENGLISH_SHARE
    temperature: float = defaults.TEMPERATURE
    steps: int | None = None
    """Over all phases; None leaves the plan's own."""
    seed: int = 0
    device: str | None = None
    """`cpu`, or None for CUDA where there is one."""
    recipe: str = ""
    """Name of a recipe file whose changes these are, for the card."""
    sets: tuple[str, ...] = ()
    """What `--set` said beside it, for the card."""
    changes: Overrides = field(default_factory=Overrides)
    """Of the method's plan."""
    accumulation: int = 1
    """Parts each process takes its share of a batch in."""
    columns: Columns = field(default_factory=Columns)
    """Of a corpus of one's own images."""


@dataclass(frozen=True)
class RunResult:
    """A module and how it came to be."""

    learner: Learner
    plan: Plan
    order: RunRequest
    base: FrozenSource
    encoder: FrozenSource
    corpus: Corpus
    length: int
    """Token states that reach the module."""
    prompt_rules: PromptRules
    width: int
    """Of the token states the denoiser reads."""
    pooled_width: int | None
    """Of the vector it reads beside them."""
    device: str
    seconds: dict[str, float] = field(default_factory=dict)
    """By phase; `caches` is what the frozen parts took."""
    losses: dict[str, dict[str, float]] = field(default_factory=dict)
    """Last ones, by phase."""
    weights: int = 0
    """Number of numbers that were learnt."""
    rank: int = 0
    """Of this process; all hold the same weights, and 0 publishes them."""
    processes: int = 1
    vision: FrozenSource | None = None
    """The dual encoder whose vision tower was looked through, beside a base that draws."""

    @property
    def device_seconds(self) -> float:
        """Over all phases and processes."""
        return sum(self.seconds.values()) * self.processes


NO_SAMPLES = SampleRequest()


def train_module(
    order: RunRequest, hub: LocalHub, folder: Path, *, resume: bool, quiet: bool, sample: SampleRequest = NO_SAMPLES
) -> RunResult:
    """Run every phase below `folder`; a resumed run skips what is finished.

    Raises UnknownMethod, UnknownBase, UnknownCorpus, InvalidRequest for languages without texts, and InvalidRequest when
    there is nothing to resume or it was ordered otherwise.
    """
    if resume and not (folder / ORDER).is_file():
        raise InvalidRequest(f"there is no run to resume in {folder.name}: leave `--resume` out to begin one.")
    accelerator = open_accelerator("no", order.device)
    device, started = device_of(accelerator), time.perf_counter()
    ready = prepare(order, hub, device, quiet=quiet)
    if resume:
        _refuse_another(folder, _as_json(order, ready.digests))
    samples = _samples(sample, ready, order, folder)
    learner = _make_learner(ready.plan, ready.features, order.seed, accelerator)
    ready.features.fill(ready.plan.needs)
    if accelerator.is_main_process and not resume:
        _begin(folder, _as_json(order, ready.digests))
    accelerator.wait_for_everyone()
    seconds = {"caches": time.perf_counter() - started}
    losses: dict[str, dict[str, float]] = {}
    learnt: dict[str, int] = {}
    module = learner.module.to("cpu" if sharding.wanted(accelerator) else device)
    for number, phase in enumerate(ready.plan.phases):
        place, label = folder / f"{number}-{phase.name}", f"{ready.plan.name}: {phase.name}"
        outcome = run_phase(
            phase, place, module, ready.features, accelerator, label=label, samples=samples, quiet=quiet
        )
        seconds[phase.name], losses[phase.name] = outcome.seconds, outcome.losses
        learnt |= outcome.learnt
    module.eval().cpu()
    leave()
    base = ready.features.base
    return RunResult(
        learner=learner,
        plan=ready.plan,
        order=order,
        base=ready.base,
        encoder=ready.encoder,
        corpus=ready.features.corpus,
        length=ready.features.length,
        prompt_rules=ready.prompt_rules,
        vision=ready.vision,
        width=base.width,
        pooled_width=getattr(base, "pooled_width", None),  # a dual encoder is read by no denoiser
        device=_words(device),
        seconds=seconds,
        losses=losses,
        weights=sum(learnt.values()),
        rank=accelerator.process_index,
        processes=accelerator.num_processes,
    )


def _make_learner(plan: Plan, features: FeatureDataset, seed: int, accelerator: Accelerator) -> Learner:
    """What learns, seeded. InvalidRequest for phases that cannot be shared by the processes, before anything is computed."""
    for phase in plan.phases:
        shards_of(phase.recipe, accelerator.num_processes)
    torch.manual_seed(seed)
    learner = plan.learner(features.base, features.encoder)
    if sharding.wanted(accelerator):
        for phase in plan.phases:
            sharding.check(learner.module, phase.recipe, plan.name)
    return learner


@dataclass(frozen=True, slots=True)
class RunInputs:
    """All that is frozen, read and gathered; nothing is computed yet."""

    plan: Plan
    base: FrozenSource
    encoder: FrozenSource
    prompt_rules: PromptRules
    features: FeatureDataset
    vision: FrozenSource | None = None
    """The dual encoder beside a base that draws."""

    @property
    def digests(self) -> list[str]:
        """Of all that is frozen: with others a run would not be the same one."""
        sources = [self.base, self.encoder] if self.vision is None else [self.base, self.encoder, self.vision]
        return [*(source.pin.digest for source in sources), self.features.corpus.digest]


def prepare(order: RunRequest, hub: LocalHub, device: torch.device, *, quiet: bool) -> RunInputs:
    """Open what an order names; raises as `train_module`."""
    what = f"recipe {order.recipe}" if order.recipe else f"`{order.method}`"
    plan = order.changes.apply(get_plan(order.method), what=what)
    plan = plan.with_steps(order.steps, order.seed).in_parts(order.accumulation)
    base_source, encoder_source = plan.foundation.find(order.base, hub), find_encoder(order.encoder, hub)
    corpus = open_corpus(order.corpus, order.columns, image_side(base_source.folder))
    if isinstance(corpus, CaptionedCorpus) and not quiet:
        tqdm.write("\n".join(corpus.report()), file=sys.stderr)
    base = plan.foundation.open(base_source.folder, device)
    vision_source = _vision_of(plan, hub)
    encoder = TextEncoder.from_folder(encoder_source.folder, readout=READOUT, device=device, dtype=torch.float32)
    prompt_rules = plan.prompt_rules or PromptRules.plain(plan.length or base.length)
    features = collect_features(
        corpus,
        Mixture(("en",) if plan.english_only else order.languages, order.english_share, order.temperature),
        base,
        encoder,
        length=prompt_rules.positive.kept,
        prompt_rules=prompt_rules,
        store=Store(
            hub.home.caches, base_source.pin.digest, encoder_source.pin.digest, quiet,
            vision_digest=vision_source.pin.digest if vision_source else "",
        ),
        vision=open_dual_encoder(vision_source.folder, device) if vision_source else None,
    )  # fmt: skip
    return RunInputs(plan, base_source, encoder_source, prompt_rules, features, vision_source)


def _vision_of(plan: Plan, hub: LocalHub) -> FrozenSource | None:
    """The dual encoder that a phase's option `vision` names; InvalidRequest where two phases want different ones."""
    names = {str(settings_of(phase)["vision"]) for phase in plan.phases if "vision" in settings_of(phase)}
    if len(names) > 1:
        raise InvalidRequest(f"one `vision` for all phases, please, not {' and '.join(sorted(names))}.")
    return find_dual_encoder(names.pop(), hub) if names else None


def _samples(wanted: SampleRequest, ready: RunInputs, order: RunRequest, folder: Path) -> Samples | None:
    """Who draws the sample images; None where none are wanted, or, with a line, where there is nothing to draw."""
    if not wanted.every:
        return None
    if not ready.plan.draws:
        tqdm.write(f"`{ready.plan.name}` draws nothing: `--sample-every` has no images to show.", file=sys.stderr)
        return None
    prompts = choose_prompts(ready.features.corpus, order.languages, wanted.prompts)
    return Samples(ready.features, prompts, folder / SAMPLES, order.seed, wanted.every)


def _as_json(order: RunRequest, digests: list[str]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps({**dataclasses.asdict(order), "digests": digests}))
    return plain


def _begin(folder: Path, wanted: dict[str, Any]) -> None:
    """A fresh run forgets the one that was in its folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in [*folder.glob("[0-9]-*"), *folder.glob(SAMPLES)]:
            shutil.rmtree(old)
        (folder / ORDER).write_text(json.dumps(wanted, indent=1))
    except OSError as error:
        raise Unreachable(
            f"the run cannot be kept in {folder}: {error.strerror}. Choose another folder with `--out`."
        ) from error


def _refuse_another(folder: Path, wanted: dict[str, Any]) -> None:
    """A resumed run must have been ordered just so, on the same frozen parts and data."""
    found = json.loads((folder / ORDER).read_text())
    if differing := [
        f"{name} {found.get(name)!r} → {value!r}" for name, value in wanted.items() if found.get(name) != value
    ]:
        raise InvalidRequest(
            f"the run in {folder.name} was ordered otherwise ({'; '.join(differing)}): leave `--resume` out."
        )


def _words(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with threads(device):
        count = torch.get_num_threads()
    return f"{count} CPU thread{'s' * (count > 1)}"
