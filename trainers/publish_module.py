"""Publish a trained module: write a folder in Hugging Face layout with its card, then push it as a revision."""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hub.cards import Card, read_card, write_card
from hub.languages import MULTILINGUAL, language_name
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.records import Artifact, Revision, Score, join_names
from trainers.defaults import CORPUS
from trainers.frozen.sentence_encoder import READOUT as SENTENCE_READOUT
from trainers.frozen.sentence_encoder import prefix_of
from trainers.methods import get_plan
from trainers.recipes.overrides import settings_of
from trainers.run import READOUT, RunRequest, RunResult

HEADING = "## Scores"
ENCODER_EXAMPLE = "# a transformers model folder, for `hub train mclip --encoder {name}`"
"""The usage example in the card of an encoder, whose artifact is a transformers folder."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a run."""

    device_seconds: float
    price_per_hour: float
    """Price of one device in dollars per hour."""

    @property
    def dollars(self) -> float:
        """The price of the run in dollars."""
        return self.device_seconds / 3600 * self.price_per_hour


def default_name(method: str, languages: Sequence[str]) -> str:
    """Return the default name: `mulan-yo`, `mulan-yo-sw`, `mulan-many` for more than three languages, `mulan` for English.

    Names cannot contain `+`: `mclip+` becomes `mclip-plus-yo`.
    """
    method = method.replace("+", "-plus")
    if set(languages) <= {"en"}:
        return method
    return f"{method}-{'-'.join(languages) if len(languages) <= 3 else 'many'}".lower()


def export(trained: RunResult, folder: Path, cost: Cost) -> Path:
    """Write the variant's weights (fp16) and config.json below `folder`, and return the variant's folder.

    A repository of another library is written to `folder` itself, with that library's config.json.
    """
    if trained.plan.is_repository:
        folder.mkdir(parents=True, exist_ok=True)
        trained.learner.write(folder)
        return folder
    variant = folder / trained.base.short_name
    variant.mkdir(parents=True, exist_ok=True)
    trained.learner.write(variant)
    (variant / "config.json").write_text(json.dumps(_config(trained, cost), indent=2, ensure_ascii=False) + "\n")
    return variant


def write_module_card(trained: RunResult, folder: Path, cost: Cost, scores: Sequence[Score]) -> Card:
    """Write README.md with a description, usage, training, cost and scores, and return the card."""
    tags = card_languages(trained)
    names = ", ".join(language_name(tag) for tag in trained.request.languages)
    encoder, base = join_names(each.short_name for each in trained.encoders), trained.base.short_name
    if tags == (MULTILINGUAL,):
        summary = f"Multilingual {trained.learner.kind} for {base}, trained on English only (zero-shot)."
    else:
        what = trained.plan.summary.format(architecture=trained.learner.architecture, encoder=encoder)
        summary = f"{names} for {base}: {what}."
    card = Card(
        kind=trained.learner.kind,
        summary=summary,
        license="Apache-2.0",
        languages=tags,
        method=trained.plan.name,
        bases=() if trained.plan.is_repository else (trained.base.pin.name,),
        encoder=join_names(each.pin.name for each in trained.encoders) if trained.learner.uses_encoder else "",
        tags=("language-module", trained.learner.architecture),
        scores=tuple(scores),
        trained_languages=("en",) if _is_english_alone(trained) else (),
        prose=_prose(trained, cost, scores, folder.name, names),
    )
    write_card(card, folder)
    return card


def card_languages(trained: RunResult) -> tuple[str, ...]:
    """Return the languages of the card: those of the request, or `mul` for a module trained on English alone."""
    return (MULTILINGUAL,) if set(trained.request.languages) <= {"en"} else trained.request.languages


def _is_english_alone(trained: RunResult) -> bool:
    """Return whether the module was trained on English texts alone, and reads other languages zero-shot."""
    return trained.plan.english_only or set(trained.request.languages) <= {"en"}


def update_scores(folder: Path, name: ArtifactName, scores: Sequence[Score]) -> Card:
    """Write new scores into a card, replacing older ones of the same metric and subject."""
    card = read_card(folder, name)
    new = {_question(score) for score in scores}
    kept = [score for score in card.scores if _question(score) not in new]
    everything = (*scores, *kept)
    before, _, after = card.prose.partition(HEADING)
    following = after.partition("\n## ")[2]
    prose = f"{before.rstrip()}\n\n{HEADING}\n\n{_table(everything)}\n" + (f"\n## {following}" if following else "")
    card = replace(card, scores=everything, prose=prose)
    write_card(card, folder)
    return card


def push(folder: Path, name: str, hub: LocalHub, message: str) -> Revision:
    """Publish a folder as the next revision of `name`. Raises the errors of `hub.publish.publish.publish`."""
    return publish(folder, ArtifactName.parse(name, hub.home.owner), hub.registry, hub.store, message=message)


def publish_scores(artifact: Artifact, scores: Sequence[Score], hub: LocalHub) -> Revision:
    """Publish a revision of the artifact with these scores in its card and unchanged weights."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / artifact.name.name
        shutil.copytree(hub.snapshot(artifact.name), folder)  # Snapshots are read-only links to blobs.
        (folder / "README.md").chmod(0o644)
        update_scores(folder, artifact.name, scores)
        return push(folder, str(artifact.name), hub, "Measure")


def _question(score: Score) -> tuple[str, ...]:
    return score.metric, score.benchmark, score.split, score.language, score.base, score.provenance.value


def _config(trained: RunResult, cost: Cost) -> dict[str, Any]:
    gives_mask = bool(getattr(trained.learner.module, "gives_mask", False))
    length = trained.learner.settings.get("queries", trained.length)
    return {
        "format": 1,
        "kind": trained.learner.kind,
        "method": trained.plan.name,
        "architecture": trained.learner.architecture,
        "module": trained.learner.settings,
        "base": asdict(trained.base.pin),
        "encoder": _encoder_config(trained) if trained.learner.uses_encoder else None,
        "conditioning": {
            "width": trained.width,
            "length": length,
            "pooled_width": trained.pooled_width,
            "mask": gives_mask,
        },
        "prompt": trained.prompt_rules.config(),
        "languages": list(card_languages(trained)),
        "run": {
            "order": asdict(trained.request),
            "phases": {phase.name: asdict(phase.recipe) for phase in trained.plan.phases},
            "seconds": {name: round(value, 2) for name, value in trained.seconds.items()},
            "device_seconds": round(cost.device_seconds, 1),
            "device": trained.device,
            "parameters": trained.parameters,
            "corpus": {"name": trained.corpus.name, "digest": trained.corpus.digest},
            **({"vision": asdict(trained.vision.pin)} if trained.vision else {}),
        },
        "parent": trained.request.parent,
    } | trained.learner.config()


def _encoder_config(trained: RunResult) -> dict[str, Any] | list[dict[str, Any]]:
    """Return the pin of the encoder and how it is read; a list of several."""
    if not trained.plan.reads_sentences:
        return {**asdict(trained.encoders[0].pin), "readout": READOUT}
    read = [
        {**asdict(source.pin), "readout": SENTENCE_READOUT}
        | ({"prefix": prefix} if (prefix := prefix_of(source)) else {})
        for source in trained.encoders
    ]
    return read[0] if len(read) == 1 else read


def _prose(trained: RunResult, cost: Cost, scores: Sequence[Score], name: str, languages: str) -> str:
    base, foundation = trained.base.short_name, trained.plan.foundation
    parameters = f"{trained.parameters / 1e6:.2f}M" if trained.parameters >= 10_000 else f"{trained.parameters:,}"
    frozen = trained.plan.frozen.format(encoder=join_names(each.short_name for each in trained.encoders))
    steps = ", ".join(f"`{phase.name}` for {phase.recipe.steps} steps" for phase in trained.plan.phases)
    times = ", ".join(f"{name} {value:.0f} s" for name, value in trained.seconds.items())
    english_alone = _is_english_alone(trained)
    share = "" if english_alone else f" {trained.request.english_share:.0%} of the training examples are English."
    trained_on = language_name("en") if english_alone else languages
    dollars = f" (${cost.dollars:.4f} at ${cost.price_per_hour:g}/hour)" if cost.price_per_hour else ""
    return f"""# {name}

Encodes texts in {languages} for the {foundation.label} `{base}`. {parameters} trained parameters. {frozen}.{_rank_note(trained)}

## Usage

```python
{(ENCODER_EXAMPLE if trained.plan.is_repository else foundation.example).format(base=base, name=name)}
```

## Training

{_story(trained)} Phases: {steps}; seed {trained.request.seed}.
Data: the `seen` split of `{trained.corpus.name}` ({trained_on}), without any held-out data.{share}

{_commands(trained, base)}

## Cost

{cost.device_seconds:.0f} device-seconds{dollars} on {trained.device}: {times}.

{HEADING}

{_table(scores)}"""


def _story(trained: RunResult) -> str:
    """Return the descriptions of the phases that ran, in order and with their settings, and of the plan."""
    clauses = [each.description.format(**settings_of(each)) for each in trained.plan.phases if each.description]
    told = ", then ".join(clauses)
    return " ".join(
        each for each in (f"{told[:1].upper()}{told[1:]}." if told else "", trained.plan.description) if each
    )


def _commands(trained: RunResult, base: str) -> str:
    """Return the commands that repeat the training: one, and one more for each time that the run was continued."""
    command = training_command(trained.request, base)
    if not trained.earlier:
        return f"    {command}"
    commands = [training_command(replace(trained.request, steps=each.steps), base) for each in trained.earlier]
    listed = [each + (" --resume" if number else "") for number, each in enumerate([*commands, command])]
    is_exact = all(each.is_finished for each in trained.earlier)
    note = "" if is_exact else " An earlier run was stopped before its end, at a step that they do not repeat."
    return (
        f"The run was continued with more steps. These commands, one after the other, repeat it.{note} A single run of that length has "
        "another learning-rate schedule, and so other weights.\n\n" + "\n".join(f"    {each}" for each in listed)
    )


def _rank_note(trained: RunResult) -> str:
    """Return a sentence about what a low-rank delta omits, or an empty string."""
    delta = trained.learner.config().get("delta", {})
    if "relative_error" not in delta:
        return f" Its rank is {delta['rank']}." if "rank" in delta else ""
    omitted = f"{delta['relative_error']:.0%}"
    return f" The change of the denoiser is a LoRA, stored at rank {delta['rank']}, which omits {omitted} of its Frobenius norm."


def training_command(request: RunRequest, base: str) -> str:
    """Return the command that repeats the training on `base`, without options that have their default value."""
    options: list[tuple[str, object]] = [("--base", base)]
    options += [("--recipe", request.recipe)] if request.recipe else []
    options += [("--set", each) for each in request.sets]
    options += [("--lang", tag) for tag in request.languages]
    english_share, temperature = request.changes.mixture_with(None, None)
    usual = RunRequest(
        method=request.method,
        base=base,
        encoder=get_plan(request.method).encoder,
        corpus=CORPUS,
        languages=request.languages,
        english_share=english_share,
        temperature=temperature,
    )
    for option, name in (
        ("--encoder", "encoder"),
        ("--corpus", "corpus"),
        ("--steps", "steps"),
        ("--accumulate", "accumulation"),
        ("--english-share", "english_share"),
        ("--temperature", "temperature"),
        ("--from", "parent"),
    ):
        if (value := getattr(request, name)) != getattr(usual, name):
            options.append((option, value))
    options += request.columns.options()
    options += [("--native-column", request.columns.native)] if request.columns.native else []
    options.append(("--seed", request.seed))
    return shlex.join(
        ["hub", "train", request.method, *(word for option, value in options for word in (option, str(value)))]
    )


def _table(scores: Sequence[Score]) -> str:
    if not scores:
        return "Not measured yet: run `hub evaluate`."
    lines = ["| Metric | Benchmark | Split | Language | Value | 95 % CI | n |", "|---|---|---|---|---|---|---|"]
    for score in scores:
        interval = f"{score.low:.3f}–{score.high:.3f}" if score.low is not None and score.high is not None else ""
        lines.append(
            f"| {score.metric} | {score.benchmark} | {score.split} | {score.language} | {score.value:.3f} "
            f"| {interval} | {score.sample_size or ''} |"
        )
    return "\n".join(lines)
