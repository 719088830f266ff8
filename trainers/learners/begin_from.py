"""Begin a run from the weights of a module that was trained before, instead of random ones."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from hub.errors import DoesNotFit, InvalidRequest
from hub.loader.modules.module_config import WEIGHTS
from hub.local import LocalHub
from hub.weights.strict import load_weights
from trainers.learners.learner import Learner, ModuleLearner


def find_variant(name: str, base: str, hub: LocalHub) -> Path:
    """Return the folder of the variant for `base` of the module `name`, a name in the hub or a folder.

    Raises `UnknownArtifact`, and `InvalidRequest` for a module without such a variant.
    """
    folder = Path(name) if Path(name).is_dir() else hub.snapshot(hub.registry.get(name).name)
    if not (folder / base / "config.json").is_file():
        there = ", ".join(sorted(path.parent.name for path in folder.glob("*/config.json"))) or "no base"
        raise InvalidRequest(f"`--from {name}` has no variant for `{base}`, only for {there}.")
    return folder / base


def begin_from(learner: Learner, variant: Path, name: str, encoder_digest: str) -> None:
    """Load the weights of a variant into the learner's module.

    Raises `InvalidRequest` for a method whose learner is more than one module, and `DoesNotFit` for a module of another
    architecture, other sizes or another encoder.
    """
    if not isinstance(learner, ModuleLearner):
        raise InvalidRequest(
            "`--from` takes adapters and projectors between encoder and base, and this method trains other weights."
        )
    config = json.loads((variant / "config.json").read_text(encoding="utf-8"))
    found = {"architecture": config.get("architecture"), **(config.get("module") or {})}
    wanted = {"architecture": learner.architecture, **json.loads(json.dumps(learner.settings))}
    encoder = config.get("encoder") or {}
    found["encoder"] = encoder.get("digest") if isinstance(encoder, dict) else None
    wanted["encoder"] = encoder_digest
    if differing := [
        f"{key} {found.get(key)!r} → {wanted.get(key)!r}"
        for key in dict.fromkeys([*wanted, *found])
        if found.get(key) != wanted.get(key)
    ]:
        raise DoesNotFit(f"the run cannot begin from `{name}`: {'; '.join(differing)}.")
    load_weights(learner.module, variant / WEIGHTS, what=name, dtype=torch.float32)
