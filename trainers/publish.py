"""A trained module as an artifact: a folder in Hugging Face layout with its card, then a revision."""

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
from hub.records import Artifact, Revision, Score
from trainers.defaults import CORPUS, ENCODER
from trainers.run import READOUT, RunRequest, RunResult

HEADING = "## Scores"
ENCODER_USE = "# a folder of transformers, and what `hub train mclip --encoder {name}` reads"
"""For the card of an encoder: its artifact is transformers' own folder."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took."""

    device_seconds: float
    price_per_hour: float
    """Of one device, in dollars."""

    @property
    def money(self) -> float:
        """Dollars."""
        return self.device_seconds / 3600 * self.price_per_hour


def default_name(method: str, languages: Sequence[str]) -> str:
    """`mulan-yo`; `mulan-yo-sw`; more than three languages are `mulan-many`, and English alone is `mulan`.

    Names hold no `+`: `mclip+` makes `mclip-plus-yo`.
    """
    method = method.replace("+", "-plus")
    if set(languages) <= {"en"}:
        return method
    return f"{method}-{'-'.join(languages) if len(languages) <= 3 else 'many'}".lower()


def export(trained: RunResult, folder: Path, cost: Cost) -> Path:
    """Write the variant's weights (fp16) and config.json below `folder`; returns the variant's folder.

    What is a repository of another library lies in `folder` itself, with that library's config.json.
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
    """Write README.md: what it is, how it was made, what it cost, what it scores."""
    languages = trained.order.languages
    tags = spoken_tags(trained)
    spoken = ", ".join(language_name(tag) for tag in languages)
    encoder, base = trained.encoder.short_name, trained.base.short_name
    made = trained.plan.result.format(architecture=trained.learner.architecture, encoder=encoder)
    kind = f"zero-shot from {spoken}" if tags == (MULTILINGUAL,) else spoken
    card = Card(
        kind=trained.learner.kind,
        summary=f"{kind} for {base}: {made}.",
        license="Apache-2.0",
        languages=tags,
        method=trained.plan.name,
        bases=() if trained.plan.is_repository else (trained.base.pin.name,),
        encoder=trained.encoder.pin.name if trained.learner.reads_encoder else "",
        tags=("language-module", trained.learner.architecture),
        scores=tuple(scores),
        prose=_prose(trained, cost, scores, folder.name, spoken),
    )
    write_card(card, folder)
    return card


def spoken_tags(trained: RunResult) -> tuple[str, ...]:
    """Languages it was made for; trained on English alone, it is for all that its encoder reads: `mul`."""
    return (MULTILINGUAL,) if set(trained.order.languages) <= {"en"} else trained.order.languages


def rescore(folder: Path, name: ArtifactName, scores: Sequence[Score]) -> Card:
    """Put new scores into a card in the place of older ones that answer the same question."""
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
    """Publish a folder as the next revision of `name`."""
    return publish(folder, ArtifactName.parse(name, hub.home.owner), hub.registry, hub.store, message=message)


def publish_scores(artifact: Artifact, scores: Sequence[Score], hub: LocalHub) -> Revision:
    """Publish the artifact once more with these scores in its card; its weights stay."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / artifact.name.name
        shutil.copytree(hub.snapshot(artifact.name), folder)  # a copy: snapshots are read-only links to blobs
        (folder / "README.md").chmod(0o644)
        rescore(folder, artifact.name, scores)
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
        "encoder": {**asdict(trained.encoder.pin), "readout": READOUT} if trained.learner.reads_encoder else None,
        "conditioning": {
            "width": trained.width,
            "length": length,
            "pooled_width": trained.pooled_width,
            "mask": gives_mask,
        },
        "prompt": trained.prompt_rules.config(),
        "languages": list(spoken_tags(trained)),
        "run": {
            "order": asdict(trained.order),
            "phases": {phase.name: asdict(phase.recipe) for phase in trained.plan.phases},
            "seconds": {name: round(value, 2) for name, value in trained.seconds.items()},
            "device_seconds": round(cost.device_seconds, 1),
            "device": trained.device,
            "corpus": {"name": trained.corpus.name, "digest": trained.corpus.digest},
            **({"vision": asdict(trained.vision.pin)} if trained.vision else {}),
        },
        "parent": "",
    } | trained.learner.config()


def _prose(trained: RunResult, cost: Cost, scores: Sequence[Score], name: str, spoken: str) -> str:
    base, foundation = trained.base.short_name, trained.plan.foundation
    weights = f"{trained.weights / 1e6:.2f}M" if trained.weights >= 10_000 else f"{trained.weights:,}"
    frozen = trained.plan.frozen.format(encoder=trained.encoder.short_name)
    steps = ", ".join(f"{phase.recipe.steps} steps `{phase.name}`" for phase in trained.plan.phases)
    times = ", ".join(f"{name} {value:.0f} s" for name, value in trained.seconds.items())
    english_alone = trained.plan.english_only or set(trained.order.languages) <= {"en"}
    share = "" if english_alone else f" {trained.order.english_share:.0%} of the draws are English."
    learnt_from = language_name("en") if english_alone else spoken
    money = f" ({cost.money:.4f} $ at {cost.price_per_hour:g} $ an hour)" if cost.price_per_hour else ""
    return f"""# {name}

Reads texts in {spoken} for the {foundation.word} `{base}`. {weights} weights learnt. {frozen}.{_left_out(trained)}

```python
{(ENCODER_USE if trained.plan.is_repository else foundation.use).format(base=base, name=name)}
```

## How it was made

{trained.plan.story} {steps}; seed {trained.order.seed}.
Data: split `seen` of `{trained.corpus.name}` ({learnt_from}); nothing held out was trained on.{share}

    {command_of(trained.order, base)}

## Cost

{cost.device_seconds:.0f} device-seconds{money} on {trained.device}: {times}.

{HEADING}

{_table(scores)}"""


def _left_out(trained: RunResult) -> str:
    """How much of the denoiser's change a low-rank delta lacks; nothing for all others."""
    delta = trained.learner.config().get("delta", {})
    if "relative_error" not in delta:
        return ""
    return f" It is kept at rank {delta['rank']}, which leaves {delta['relative_error']:.0%} of its Frobenius norm out."


def command_of(order: RunRequest, base: str) -> str:
    """The command that trains it again on `base`: what was said, without what is so by default."""
    said: list[tuple[str, object]] = [("--base", base)]
    said += [("--recipe", order.recipe)] if order.recipe else []
    said += [("--set", each) for each in order.sets]
    said += [("--lang", tag) for tag in order.languages]
    usual = RunRequest(method=order.method, base=base, encoder=ENCODER, corpus=CORPUS, languages=order.languages)
    for option, name in (
        ("--encoder", "encoder"),
        ("--corpus", "corpus"),
        ("--steps", "steps"),
        ("--accumulate", "accumulation"),
        ("--english-share", "english_share"),
        ("--temperature", "temperature"),
    ):
        if (value := getattr(order, name)) != getattr(usual, name):
            said.append((option, value))
    said += order.columns.options()
    said.append(("--seed", order.seed))
    return shlex.join(
        ["hub", "train", order.method, *(word for option, value in said for word in (option, str(value)))]
    )


def _table(scores: Sequence[Score]) -> str:
    if not scores:
        return "Not measured yet: `hub evaluate` does it."
    lines = ["| metric | benchmark | split | language | value | 95 % | n |", "|---|---|---|---|---|---|---|"]
    for score in scores:
        interval = f"{score.low:.3f}–{score.high:.3f}" if score.low is not None and score.high is not None else ""
        lines.append(
            f"| {score.metric} | {score.benchmark} | {score.split} | {score.language} | {score.value:.3f} "
            f"| {interval} | {score.sample_size or ''} |"
        )
    return "\n".join(lines)
