"""From an order to a trained module: gather, run the phases, keep what is needed to go on after a crash."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm.auto import tqdm

from hub.errors import Unreachable, WrongRequest
from hub.local import LocalHub
from hub.modules import TextEncoder
from trainers import defaults, sharding
from trainers.changes import Changes, settings_of
from trainers.checkpoint import gathered, learning, write_tensors
from trainers.corpora import open_corpus
from trainers.corpora.captioned import CaptionedCorpus, Columns
from trainers.corpora.corpus import Corpus
from trainers.failures import writing
from trainers.foundation import open_dual_encoder
from trainers.learner import Learner
from trainers.loop import shards_of, train
from trainers.material import Material, Store
from trainers.methods import get_plan
from trainers.mixture import Mixture, gather
from trainers.plan import Plan
from trainers.processes import device_of, leave, open_accelerator
from trainers.prompting import Prompting
from trainers.samples import FOLDER as SAMPLES
from trainers.samples import SampleOrder, Samples, chosen
from trainers.sources import Source, find_dual_encoder, find_encoder, picture_side

READOUT = "last_hidden_state"
ORDER = "order.json"
LEARNT = "module.safetensors"
FEW_CORES = 2
CHECKPOINTS = 10
"""Written over each phase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
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
    changes: Changes = field(default_factory=Changes)
    """Of the method's plan."""
    accumulation: int = 1
    """Parts each process takes its share of a batch in."""
    columns: Columns = field(default_factory=Columns)
    """Of a corpus of one's own pictures."""


@dataclass(frozen=True)
class Trained:
    """A module and how it came to be."""

    learner: Learner
    plan: Plan
    order: Order
    base: Source
    encoder: Source
    corpus: Corpus
    length: int
    """Token states that reach the module."""
    prompting: Prompting
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
    vision: Source | None = None
    """The dual encoder whose vision tower was looked through, beside a base that draws."""

    @property
    def device_seconds(self) -> float:
        """Over all phases and processes."""
        return sum(self.seconds.values()) * self.processes


NO_SAMPLES = SampleOrder()


def train_module(
    order: Order, hub: LocalHub, folder: Path, *, resume: bool, quiet: bool, sample: SampleOrder = NO_SAMPLES
) -> Trained:
    """Run every phase below `folder`; a resumed run skips what is finished.

    Raises UnknownMethod, UnknownBase, UnknownCorpus, WrongRequest for languages without texts, and WrongRequest when
    there is nothing to resume or it was ordered otherwise.
    """
    if resume and not (folder / ORDER).is_file():
        raise WrongRequest(f"there is no run to resume in {folder.name}: leave `--resume` out to begin one.")
    accelerator = open_accelerator("no", order.device)
    device, main = device_of(accelerator), accelerator.is_main_process
    started = time.perf_counter()
    ready = prepare(order, hub, device, quiet=quiet)
    plan, base, encoder, material = ready.plan, ready.material.base, ready.material.encoder, ready.material
    if resume:
        _refuse_another(folder, _as_json(order, ready.digests))
    for phase in plan.phases:
        shards_of(phase.recipe, accelerator.num_processes)  # refused before anything is computed
    samples = _samples(sample, ready, order, folder) if sample.every else None
    torch.manual_seed(order.seed)
    learner = plan.learner(base, encoder)
    spread = sharding.wanted(accelerator)
    if spread:
        for phase in plan.phases:
            sharding.check(learner.module, phase.recipe, plan.name)
    material.fill(plan.needs)
    if main and not resume:
        _begin(folder, _as_json(order, ready.digests))
    accelerator.wait_for_everyone()
    seconds = {"caches": time.perf_counter() - started}
    losses: dict[str, dict[str, float]] = {}
    module = learner.module.to("cpu" if spread else device)
    learnt: dict[str, int] = {}
    with _threads(device):
        words = _words(device)
    for number, phase in enumerate(plan.phases):
        place = folder / f"{number}-{phase.name}"
        # What is spread over processes cannot be put together in place: a copy learns, and the module takes what it learnt.
        working = copy.deepcopy(module).to(device) if spread else module
        method = phase.make(working, material)  # says what learns in this phase, finished or not
        learnt |= {name: value.numel() for name, value in working.named_parameters() if value.requires_grad}
        if (finished := _finished(place)) is not None:
            _take(module, [*learning(working)], place)
            seconds[phase.name], losses[phase.name] = finished["seconds"], finished["losses"]
            continue
        every = max(1, phase.recipe.steps // CHECKPOINTS)
        label = f"{plan.name}: {phase.name}"
        with _attention(device), _threads(device):
            run = train(
            method, phase.recipe, place,
            checkpoint_every=every, quiet=quiet, label=label, device=order.device, sample_every=sample.every,
            on_sample=None if samples is None else partial(samples.show, working, phase.name),
        )  # fmt: skip
        working.eval()
        tensors = gathered(learning(working), main=main)
        if main:
            _finish(place, tensors, {"seconds": run.seconds, "losses": run.last_losses})
        accelerator.wait_for_everyone()
        if spread:
            _take(module, [*learning(working)], place)
        seconds[phase.name], losses[phase.name] = run.seconds, run.last_losses
    module.eval().cpu()
    leave()
    return Trained(
        learner=learner,
        plan=plan,
        order=order,
        base=ready.base,
        encoder=ready.encoder,
        corpus=material.corpus,
        length=material.length,
        prompting=ready.prompting,
        vision=ready.vision,
        width=base.width,
        pooled_width=getattr(base, "pooled_width", None),  # a dual encoder is read by no denoiser
        device=words,
        seconds=seconds,
        losses=losses,
        weights=sum(learnt.values()),
        rank=accelerator.process_index,
        processes=accelerator.num_processes,
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that is frozen, read and gathered; nothing is computed yet."""

    plan: Plan
    base: Source
    encoder: Source
    prompting: Prompting
    material: Material
    vision: Source | None = None
    """The dual encoder beside a base that draws."""

    @property
    def digests(self) -> list[str]:
        """Of all that is frozen: with others a run would not be the same one."""
        sources = [self.base, self.encoder] if self.vision is None else [self.base, self.encoder, self.vision]
        return [*(source.pin.digest for source in sources), self.material.corpus.digest]


def prepare(order: Order, hub: LocalHub, device: torch.device, *, quiet: bool) -> Prepared:
    """Open what an order names; raises as `train_module`."""
    what = f"recipe {order.recipe}" if order.recipe else f"`{order.method}`"
    plan = order.changes.apply(get_plan(order.method), what=what)
    plan = plan.with_steps(order.steps, order.seed).in_parts(order.accumulation)
    base_source, encoder_source = plan.foundation.find(order.base, hub), find_encoder(order.encoder, hub)
    corpus = open_corpus(order.corpus, order.columns, picture_side(base_source.folder))
    if isinstance(corpus, CaptionedCorpus) and not quiet:
        tqdm.write("\n".join(corpus.report()), file=sys.stderr)
    base = plan.foundation.open(base_source.folder, device)
    vision_source = _vision_of(plan, hub)
    encoder = TextEncoder.from_folder(encoder_source.folder, readout=READOUT, device=device, dtype=torch.float32)
    prompting = plan.prompting or Prompting.plain(plan.length or base.length)
    material = gather(
        corpus,
        Mixture(("en",) if plan.english_only else order.languages, order.english_share, order.temperature),
        base,
        encoder,
        length=prompting.positive.kept,
        prompting=prompting,
        store=Store(
            hub.home.caches, base_source.pin.digest, encoder_source.pin.digest, quiet,
            vision_digest=vision_source.pin.digest if vision_source else "",
        ),
        vision=open_dual_encoder(vision_source.folder, device) if vision_source else None,
    )  # fmt: skip
    return Prepared(plan, base_source, encoder_source, prompting, material, vision_source)


def _vision_of(plan: Plan, hub: LocalHub) -> Source | None:
    """The dual encoder that a phase's option `vision` names; WrongRequest where two phases want different ones."""
    names = {str(settings_of(phase)["vision"]) for phase in plan.phases if "vision" in settings_of(phase)}
    if len(names) > 1:
        raise WrongRequest(f"one `vision` for all phases, please, not {' and '.join(sorted(names))}.")
    return find_dual_encoder(names.pop(), hub) if names else None


def _samples(wanted: SampleOrder, ready: Prepared, order: Order, folder: Path) -> Samples | None:
    """Who draws the sample pictures; None, and a line, where there is nothing to draw."""
    if not ready.plan.draws:
        tqdm.write(f"`{ready.plan.name}` draws nothing: `--sample-every` has no pictures to show.", file=sys.stderr)
        return None
    prompts = chosen(ready.material.corpus, order.languages, wanted.prompts)
    return Samples(ready.material, prompts, folder / SAMPLES, order.seed)


def _attention(device: torch.device) -> AbstractContextManager[Any]:
    """On CPUs fused attention is slow for short sequences: a step of 128 texts took 174 ms, and takes 66."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


@contextmanager
def _threads(device: torch.device) -> Iterator[None]:
    """On two cores one thread: small steps wait longer for a second one than it helps (35 ms a step, and 77 with two)."""
    before = torch.get_num_threads()
    if device.type == "cpu" and before == FEW_CORES:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _as_json(order: Order, digests: list[str]) -> dict[str, Any]:
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
        raise WrongRequest(
            f"the run in {folder.name} was ordered otherwise ({'; '.join(differing)}): leave `--resume` out."
        )


def _finish(place: Path, learnt: dict[str, Tensor], outcome: dict[str, Any]) -> None:
    """`finished.json` comes last: a phase without it is run again from its newest checkpoint."""
    write_tensors(place / LEARNT, learnt, {}, what=f"what phase {place.name} learnt")
    with writing(f"the end of phase {place.name}", "make room, then go on with `--resume`."):
        (place / "finished.part").write_text(json.dumps(outcome))
        (place / "finished.part").replace(place / "finished.json")
    for path in place.glob("checkpoint-*"):
        path.unlink()


@torch.no_grad()
def _take(module: nn.Module, names: list[str], place: Path) -> None:
    """Put what a phase learnt, which has these names, into the module."""
    found = load_file(place / LEARNT)
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    for name in names:
        own[name].copy_(found[name])


def _finished(place: Path) -> dict[str, Any] | None:
    path = place / "finished.json"
    if not path.is_file():
        return None
    outcome: dict[str, Any] = json.loads(path.read_text())
    return outcome


def _words(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{count} CPU thread{'s' * (count > 1)}"
