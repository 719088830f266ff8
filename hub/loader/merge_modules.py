"""Merge several modules of one parent, by averaging their weights or by TIES.

Averages are meaningful only for modules with the same initialisation (Wortsman et al., Model soups, 2022): then their weights
lie in one basin. So all must have the same architecture and sizes, encoder and base by digest, prompt rules, and `parent`. A
module trained from scratch has no parent; then the seed of its initialisation must agree, if its run recorded it.

TIES (Yadav et al., NeurIPS 2023, arXiv 2306.01708, algorithm 1) works on differences from the parent: trim each to the share
`density` of its largest entries, elect a sign for each weight by total mass, average the differences of that sign. Without
the parent's weights differences are taken from zero; trimming would then delete weights instead of changes, so nothing is
trimmed unless `density` is given. (Differences from the mean do not help: two of them always cancel.)
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from hub.bases.family import read_json
from hub.cards import Card, read_card, write_card
from hub.errors import DoesNotFit, InvalidRequest, Unreachable
from hub.loader.modules.module_config import WEIGHTS, EncoderRule, ModuleConfig, PromptRule, read_config
from hub.loader.modules.phrase_reader import ARCHITECTURE as PHRASE_MEMORY
from hub.loader.sources import Sources
from hub.names import ArtifactName
from hub.records import join_names
from hub.weights.digest import digest_of
from hub.weights.strict import TensorEntry, read_header

if TYPE_CHECKING:
    from hub.local import LocalHub

METHODS = ("linear", "ties")
TIES_DENSITY = 0.2
"""Share of weights to keep: the paper's recommendation without tuning (§4.2)."""


@dataclass(frozen=True, slots=True)
class MergeInput:
    """One of the modules to merge, in one of its variants."""

    name: str
    folder: Path
    config: ModuleConfig
    written: Mapping[str, Any]
    """The contents of its config.json."""
    license: str
    revision: str
    """Empty for a folder."""
    digest: str
    """Digest of the weights of all its variants."""


def merge(
    names: Sequence[str | Path],
    folder: Path,
    *,
    weights: Sequence[float] | None = None,
    method: str = "linear",
    density: float | None = None,
    base: str = "",
    parent: str | Path | None = None,
    hub: LocalHub | None = None,
) -> Path:
    """Merge the modules `names` into `folder`, ready for `hub push` under the folder's name. Returns `folder`.

    `weights` are relative, equal by default. `base` selects the variant of modules that have several. `parent` is the module
    from which training started, if their configs do not name it. Raises DoesNotFit with every reason why the modules do not
    have one parent, InvalidRequest and Unreachable; nothing is written then.
    """
    shares = _shares(names, weights)
    if method not in METHODS:
        raise InvalidRequest(f"unknown merge method `{method}`: choose {' or '.join(METHODS)}.")
    if density is not None and not 0 < density <= 1:
        raise InvalidRequest(f"`density` is {density:g}: give a share of weights, above 0 and at most 1.")
    if folder.exists() and any(folder.iterdir()):
        raise InvalidRequest(f"`{folder}` is not empty: choose a new folder.")
    with Sources(hub) as sources:
        parts = [_find_input(sources, name, base) for name in names]
        if problems := disagreements(parts):
            raise DoesNotFit(f"these modules do not have one parent: {'; '.join(problems)}.")
        start = parent or parts[0].written.get("parent") or None
        origin = (
            None if start is None or method == "linear" else _find_input(sources, start, parts[0].folder.name).folder
        )
    states = [load_file(part.folder / WEIGHTS) for part in parts]
    if method == "linear":
        merged = linear(states, shares)
    else:
        density = density if density is not None else (1.0 if origin is None else TIES_DENSITY)
        merged = ties(states, shares, density, None if origin is None else load_file(origin / WEIGHTS))
    lineage: dict[str, Any] = {
        "method": method,
        "weights": [round(share, 6) for share in shares],
        "of": [{"name": part.name, "revision": part.revision, "digest": part.digest} for part in parts],
    }
    if method == "ties":
        lineage |= {"density": density, "relative_to": str(start) if origin is not None else "zero"}
    _write(folder, parts, merged, lineage)
    return folder


def linear(states: Sequence[Mapping[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Return Σ wᵢ θᵢ, summed in float32, with the shapes and types of the first; `shares` sum to 1."""
    return {
        key: sum(share * state[key].float() for share, state in zip(shares, states, strict=True)).to(first.dtype)  # type: ignore[union-attr]
        for key, first in states[0].items()
    }


def ties(
    states: Sequence[Mapping[str, Tensor]],
    shares: Sequence[float],
    density: float,
    parent: Mapping[str, Tensor] | None,
) -> dict[str, Tensor]:
    """Trim, elect signs and take the disjoint mean, weighted by shares; unchanged entries remain the parent's.

    All states have the same shapes. As in the paper, the largest entries are those of the complete module, not of each tensor.
    """
    zero = {key: torch.zeros_like(value, dtype=torch.float32) for key, value in states[0].items()}
    start = zero if parent is None else {key: value.float() for key, value in parent.items()}
    trimmed = [_trim({key: state[key].float() - start[key] for key in start}, density) for state in states]
    merged = {}
    for key, first in states[0].items():
        changes_N = torch.stack([each[key] for each in trimmed])
        weight_N = torch.tensor(shares).view(-1, *[1] * first.dim())
        sign = (weight_N * changes_N).sum(0).sign()
        agrees_N = (changes_N.sign() == sign) & (changes_N != 0)
        total = (weight_N * agrees_N).sum(0)
        mean = (weight_N * changes_N * agrees_N).sum(0) / total.clamp_min(torch.finfo(torch.float32).tiny)
        merged[key] = (start[key] + mean).to(first.dtype)
    return merged


def _trim(change: Mapping[str, Tensor], density: float) -> Mapping[str, Tensor]:
    """Keep the share `density` of the largest entries by magnitude, and set the others to zero."""
    if density == 1:
        return change
    sizes = torch.cat([each.abs().flatten() for each in change.values()])
    kept = max(round(density * len(sizes)), 1)
    threshold = sizes.kthvalue(len(sizes) - kept + 1).values
    return {key: torch.where(each.abs() >= threshold, each, 0) for key, each in change.items()}


def disagreements(parts: Sequence[MergeInput]) -> list[str]:
    """Return why `parts` do not have one parent; empty if they do."""
    first = parts[0]
    problems = [
        f"`{part.name}` patches the base, searches a memory or has its own encoder, and only plain modules can be merged"
        for part in parts
        if part.config.delta
        or part.config.own_encoder
        or part.config.variant.architecture == PHRASE_MEMORY
        or not (part.folder / WEIGHTS).is_file()
    ]
    if problems:
        return problems
    for other in parts[1:]:
        problems += [
            f"{what} differs: {mine} in `{first.name}` and {theirs} in `{other.name}`"
            for what, mine, theirs in zip(_FACTS, _facts(first), _facts(other), strict=True)
            if mine != theirs
        ]
        mine, theirs = _seed(first), _seed(other)
        if not first.written.get("parent") and None not in {mine, theirs} and mine != theirs:
            problems.append(f"the initialisation has seed {mine} in `{first.name}` and {theirs} in `{other.name}`")
        if not problems and _shapes(first) != _shapes(other):
            problems.append(f"the weights of `{first.name}` and `{other.name}` differ in names, shapes or types")
    return problems


_FACTS = (
    "the architecture", "the module configuration", "the digest of the encoder", "the readout", "the digest of the base",
    "the conditioning",
    "the rule for prompts", "the rule for negative prompts", "the rule for empty prompts", "the parent",
)  # fmt: skip


def _facts(part: MergeInput) -> tuple[object, ...]:
    config, variant = part.config, part.config.variant
    encoder = join_names((pin.digest or pin.name)[:12] for pin in variant.encoders)
    return (
        variant.architecture, dict(sorted(config.module.items())), encoder, join_names(map(_describe_encoder_rule, config.encoder_rules)),
        (variant.base.digest or variant.base.name)[:12], variant.conditioning.describe(),
        _describe_prompt_rule(config.positive), _describe_prompt_rule(config.negative), config.empty,
        part.written.get("parent") or "none",
    )  # fmt: skip


def _describe_encoder_rule(rule: EncoderRule) -> str:
    prefix = f', prefix "{rule.prefix}"' if rule.prefix else ""
    return rule.readout + (", padding seen" if rule.sees_padding else "") + prefix


def _describe_prompt_rule(rule: PromptRule) -> str:
    """Return `20 tokens, prefix "summarize:", dropping 1, 2, 3`."""
    prefix = f', prefix "{rule.prefix}"' if rule.prefix else ""
    suffix = f', suffix "{rule.suffix}"' if rule.suffix else ""
    dropping = f", dropping {', '.join(map(str, rule.drop))}" if rule.drop else ""
    pooled = f", pooled {rule.pooled}" if rule.pooled != "encode" else ""
    return f"{rule.length} tokens{prefix}{suffix}{dropping}{pooled}"


def _seed(part: MergeInput) -> object:
    order = (part.written.get("run") or {}).get("order")
    return order.get("seed") if isinstance(order, dict) else None


def _shapes(part: MergeInput) -> dict[str, TensorEntry]:
    return read_header(part.folder / WEIGHTS, what=part.name)


def _shares(names: Sequence[str | Path], weights: Sequence[float] | None) -> list[float]:
    given = [1.0] * len(names) if weights is None else [float(each) for each in weights]
    if len(names) < 2:
        raise InvalidRequest(f"{len(names)} module given: pass two or more.")
    if len(given) != len(names):
        raise InvalidRequest(
            f"the number of weights is {len(given)}, and that of modules {len(names)}: pass one for each."
        )
    if min(given) < 0 or sum(given) <= 0:
        raise InvalidRequest(f"the weights are {given}: give non-negative numbers, at least one of them positive.")
    return [each / sum(given) for each in given]


def _find_input(sources: Sources, name: str | Path, base: str) -> MergeInput:
    """Find the variant of the module `name` for `base`, or its only variant. Raises InvalidRequest."""
    if Path(name).is_dir():
        folder, known, revision = Path(name).resolve(), Path(name).resolve().name, ""
        terms = ""
        if (folder / "README.md").is_file():
            terms = read_card(folder / "README.md", ArtifactName("local", known)).license
    else:
        wanted, _, asked = str(name).partition("@")
        artifact = sources.hub.registry.get(wanted)
        known, terms = str(artifact.name), artifact.license
        revision = sources.hub.registry.revision(artifact.name, asked or "main").id
        folder = sources.hub.snapshot(artifact.name, asked or "main")
    variants = sorted(path.parent for path in folder.glob("*/config.json"))
    chosen = [each for each in variants if each.name == base] if base else variants
    if len(chosen) != 1:
        listed = ", ".join(f"`{each.name}`" for each in variants) or "none"
        raise InvalidRequest(
            f"`{known}` has no single variant to merge (available: {listed}): choose one with `--base`."
        )
    digest = digest_of(folder)
    return MergeInput(
        known, chosen[0], read_config(chosen[0]), read_json(chosen[0] / "config.json"), terms, revision, digest
    )


def _write(folder: Path, parts: Sequence[MergeInput], merged: Mapping[str, Tensor], lineage: dict[str, Any]) -> None:
    """Write the folder atomically."""
    first = parts[0]
    languages = tuple(dict.fromkeys(tag for part in parts for tag in part.config.languages))
    written = {**first.written, "languages": list(languages), "run": {"merged": lineage}}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unfinished-") as scratch:
            unfinished = Path(scratch) / folder.name
            variant = unfinished / first.folder.name
            variant.mkdir(parents=True)
            save_file(dict(merged), variant / WEIGHTS, metadata={"format": "pt"})
            (variant / "config.json").write_text(json.dumps(written, ensure_ascii=False, indent=2) + "\n", "utf-8")
            write_card(_card(folder.name, parts, languages, lineage), unfinished)
            if folder.exists():
                folder.rmdir()
            shutil.move(unfinished, folder)
    except OSError as error:
        raise Unreachable(f"`{folder}` cannot be written: {error.strerror or error}.") from error


def _card(name: str, parts: Sequence[MergeInput], languages: tuple[str, ...], lineage: dict[str, Any]) -> Card:
    terms = dict.fromkeys(part.license for part in parts if part.license)
    config = parts[0].config
    shares = [f"- `{part.name}`, weight {share:g}" for part, share in zip(parts, lineage["weights"], strict=True)]
    how = "The weighted mean of the weights" if lineage["method"] == "linear" else (
        f"TIES (arXiv 2306.01708), density {lineage['density']:g}, relative to {lineage['relative_to']},"
    )  # fmt: skip
    return Card(
        kind=config.kind,
        summary=f"Merged from {', '.join(part.name.rpartition('/')[2] for part in parts)}.",
        license=next(iter(terms)) if len(terms) == 1 else "other",
        languages=languages,
        method=config.variant.method,
        bases=(config.variant.base.name,),
        encoder=join_names(pin.name for pin in config.variant.encoders),
        tags=("language-module", "merged"),
        prose="\n".join([f"# {name}", "", f"{how} of:", "", *shares, "", "Not measured yet: run `hub evaluate`."]),
    )
