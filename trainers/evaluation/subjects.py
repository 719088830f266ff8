"""Load the subjects of evaluations: bases, modules on their bases, encoders and retrievers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from hub.bases.family import read_json
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest, UnknownArtifact
from hub.home import stamp_of
from hub.loader import load_pipeline, load_retriever
from hub.local import LocalHub
from hub.publish.card_only import missing_weights
from hub.records import Artifact
from hub.remote.configurations import fetch_encoder
from hub.systems.architectures import retrieves
from trainers.evaluation.evaluator import EvaluationSubject
from trainers.frozen.foundation import DUAL_ENCODER
from trainers.run import RunResult


def open_subject(
    artifact: Artifact, base: str, hub: LocalHub, device: str | None, *, alone: bool = False
) -> EvaluationSubject:
    """Load the subject of `hub evaluate NAME`: a base, a module on its base, an encoder or a retriever, at `artifact.revision`.

    With `alone`, a module's base is not loaded a second time for its own prompts.

    Raises `InvalidRequest` for a dataset, and the errors of `load_pipeline` and `load_retriever`.
    """
    subject = _open(artifact, base, hub, device, alone=alone)
    return replace(subject, identity=identity_of(artifact, base, hub), artifact=artifact)


def check_base(artifact: Artifact, base: str, hub: LocalHub) -> None:
    """Raise `InvalidRequest` if `--base` names another base than the artifact, which is one itself, or is given for an encoder."""
    if artifact.kind == "base" and base and hub.registry.base_named(base) != str(artifact.name):
        raise InvalidRequest(f"`{artifact.name.name}` is a base itself: evaluate it without `--base {base}`.")
    if artifact.kind == "encoder" and not artifact.variants and base:
        raise InvalidRequest(
            f"`{artifact.name.name}` is an encoder without a base: evaluate it without `--base {base}`."
        )


def identity_of(artifact: Artifact, base: str, hub: LocalHub) -> str:
    """Return what the weights of `hub evaluate NAME --base BASE` depend on: the revisions of both, or the state of a base's folder."""
    found = base or next(iter(artifact.bases), "")
    place = Path(found).expanduser()
    if found and place.exists():
        state = stamp_of(place) if place.is_dir() else f"{place.stat().st_size} {place.stat().st_mtime_ns}"
    else:
        try:
            state = hub.registry.get(hub.registry.base_named(found) or found).revision if found else ""
        except UnknownArtifact:  # It is a repository of the Hugging Face Hub.
            state = ""
    return f"{artifact.name}@{artifact.revision} {found} {state}"


def _open(artifact: Artifact, base: str, hub: LocalHub, device: str | None, *, alone: bool) -> EvaluationSubject:
    short = artifact.name.name
    pinned = f"{artifact.name}@{artifact.revision or 'main'}"
    if artifact.kind == "base":
        pipeline = load_pipeline(
            str(artifact.name), device=device, hub=hub, revision=artifact.revision if artifact.weights_digest else None
        )
        return EvaluationSubject(short, artifact.revision, short, pipeline, pipeline)
    if artifact.kind == "encoder" and not artifact.variants:
        folder = _encoder_folder(artifact, hub)
        if "vision_config" in read_json(folder / "config.json"):
            return retriever_subject(short, None, str(artifact.name), hub, device, revision=artifact.revision)
        return EvaluationSubject(short, artifact.revision, encoder=TextEncoder.from_folder(folder, dtype=torch.float32))
    if artifact.kind == "dataset":
        raise InvalidRequest(f"`{short}` is a dataset: evaluate a base, a module or an encoder.")
    if not artifact.weights_digest:
        raise missing_weights(artifact)
    base = base or (artifact.bases[0] if artifact.bases else "")
    if any(retrieves(variant.architecture) for variant in artifact.variants):
        return retriever_subject(short, pinned, base, hub, device, revision=artifact.revision)
    return module_subject(short, pinned, base, hub, device, revision=artifact.revision, alone=alone)


def _encoder_folder(artifact: Artifact, hub: LocalHub) -> Path:
    """Return the files of an encoder, from upstream if only its card is here. Raises `InvalidRequest` and `Unreachable`."""
    if artifact.weights_digest:
        return hub.snapshot(artifact.name, artifact.revision or "main")
    if not artifact.upstream:
        raise missing_weights(artifact)
    return fetch_encoder(artifact.upstream[0], what=artifact.name.name)


def trained_subject(trained: RunResult, name: str, folder: Path, hub: LocalHub) -> EvaluationSubject:
    """Load the module that was just trained and exported to `folder`, on the base of its request."""
    request = trained.request
    if trained.plan.is_repository:
        return EvaluationSubject(name, encoder=TextEncoder.from_folder(folder, dtype=torch.float32))
    load_subject = retriever_subject if trained.plan.foundation is DUAL_ENCODER else module_subject
    encoder = trained.encoders[0].folder if Path(request.encoder).is_dir() else None
    return load_subject(name, folder, request.base, hub, request.device, encoder=encoder)


def module_subject(
    name: str,
    adapter: str | Path,
    base: str,
    hub: LocalHub,
    device: str | None,
    *,
    revision: str = "",
    encoder: Path | None = None,
    alone: bool = False,
) -> EvaluationSubject:
    """Load a module, published or in a folder, on its base; `encoder` is a folder if it is not in the registry.

    With `alone`, the subject has no pipeline of the base alone.
    """
    plain = None if alone else load_pipeline(base, device=device, hub=hub)
    pipeline = load_pipeline(base, adapter=adapter, device=device, hub=hub, encoder=encoder)
    return EvaluationSubject(name, revision, base.rpartition("/")[2], pipeline, plain)


def retriever_subject(
    name: str,
    adapter: str | Path | None,
    base: str,
    hub: LocalHub,
    device: str | None,
    *,
    revision: str = "",
    encoder: Path | None = None,
) -> EvaluationSubject:
    """Load projectors, published or in a folder, on their dual encoder; without `adapter`, the dual encoder alone."""
    retriever = load_retriever(base, adapter=adapter, device=device, hub=hub, encoder=encoder)
    return EvaluationSubject(name, revision, base.rpartition("/")[2] if adapter else "", retriever=retriever)
