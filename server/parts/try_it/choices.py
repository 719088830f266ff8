"""The bases and modules that a visitor can choose, and the request that follows from a choice. Private artifacts are invisible."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hub.errors import Gated, InvalidRequest, UnknownArtifact, UnknownBase
from hub.generation.requests import GenerationRequest, Pinned
from hub.local import LocalHub
from hub.publish.compatibility import check_fit, encoder_problem
from hub.publish.composition import find_base, is_for, no_variant
from hub.records import Artifact, Query, Score, Variant
from hub.registry.accounts.permissions import Caller
from hub.registry.artifacts.access_requests import may_download
from hub.registry.names.stand_ins import MODULES
from server.parts.try_it.settings import configured_bases

MAX_COLUMNS = 5
MAX_BASES = 100
MAX_MODULES = 50
NO_BASE = "no base can generate images on this server: an administrator can add one with `hub push` or HUB_TRY_BASES."
TRANSLATING = ("translate", "memory")
"""Methods whose modules give English words to the base's own encoder."""
LAB = {"emoji-sd": (20, 2.5), "emoji-dit": (20, 2.5)}
"""Steps and guidance of the lab's bases, with which their modules were measured."""


@dataclass(frozen=True, slots=True)
class ModuleChoice:
    """A module that is made for the base and the language."""

    artifact: Artifact
    problem: str
    """Why it cannot be used on this server; empty if it can."""
    score: Score | None
    """The best one in the language."""

    @property
    def translates(self) -> bool:
        """Whether it translates the prompt for the base's own encoder."""
        return self.artifact.method in TRANSLATING


def offered_bases(hub: LocalHub, caller: Caller) -> list[Artifact]:
    """Return the bases that can generate images here: those of HUB_TRY_BASES, or all whose weights are stored here."""
    readers, configured = caller.readers(), configured_bases()
    if configured:
        found = []
        for name in configured:
            with suppress(UnknownBase, UnknownArtifact, InvalidRequest):
                found.append(find_base(hub.registry, name, readers))
    else:
        query = Query(kind="base", sort="downloads", limit=MAX_BASES, readers=readers, scores="best")
        found = [each for each in hub.registry.find(query).items if each.weights_digest]
        found.sort(key=lambda each: (each.name.name not in LAB, each.name.name != "emoji-sd"))
    return [each for each in found if each.revision and may_download(hub.registry.database, caller, each)]


def choose_base(bases: Sequence[Artifact], hub: LocalHub, name: str) -> Artifact:
    """Return the base that people call `name`, by default the first. Raises UnknownBase and InvalidRequest."""
    if not bases:
        raise InvalidRequest(NO_BASE)
    if not name:
        return bases[0]
    known = hub.registry.base_named(name) or name
    for each in bases:
        if known.lower() in {each.name.key, each.name.name.lower()}:
            return each
    listed = ", ".join(f"`{each.name.name}`" for each in bases)
    raise InvalidRequest(f"`{name[:100]}` is not a base that this server can run. Available: {listed}.")


def module_choices(hub: LocalHub, caller: Caller, base: Artifact, language: str) -> list[ModuleChoice]:
    """Return the modules for a base and a language whose weights are stored here, the best first; usable ones before others."""
    query = Query(
        base=base.name.name, language=language, readers=caller.readers(), sort="score", limit=MAX_MODULES, scores="best"
    )
    choices = [
        ModuleChoice(
            each, _problem(hub, caller, each, base), next((s for s in each.scores if s.language == language), None)
        )
        for each in hub.registry.find(query).items
        if each.kind in MODULES and each.weights_digest and each.revision
    ]
    return sorted(choices, key=lambda each: bool(each.problem))


def proposed(choices: Sequence[ModuleChoice]) -> list[str]:
    """Return the names of the modules that are selected at first: the best that translates, and the best that does not."""
    usable = [each for each in choices if not each.problem]
    best = [next((each for each in usable if each.translates is kind), None) for kind in (True, False)]
    return [str(each.artifact.name) for each in best if each is not None]


def make_request(
    hub: LocalHub,
    caller: Caller,
    *,
    prompt: str,
    language: str,
    base: Artifact,
    modules: Sequence[str],
    raw: bool,
    seed: int,
) -> GenerationRequest:
    """Return the request for a base and modules, `name` or `name@revision`.

    Raises UnknownArtifact, also for modules that the caller cannot see, UnknownRevision, DoesNotFit, Gated and InvalidRequest.
    """
    pins: list[Pinned | None] = [None] if raw else []
    for name in dict.fromkeys(modules):
        pin = _pin(hub, caller, name, base)
        if pin not in pins:
            pins.append(pin)
    if not pins:
        raise InvalidRequest("choose at least one column: the base alone or a module.")
    if len(pins) > MAX_COLUMNS:
        raise InvalidRequest(f"{len(pins)} images were chosen, but the limit is {MAX_COLUMNS}: choose fewer modules.")
    steps, guidance = LAB.get(base.name.name, (None, None))
    return GenerationRequest(
        prompt=prompt, language=language, base=Pinned(name=str(base.name), revision=base.revision if base.weights_digest else ""),
        columns=tuple(pins), seed=seed, steps=steps, guidance=guidance,
    )  # fmt: skip


def _pin(hub: LocalHub, caller: Caller, name: str, base: Artifact) -> Pinned:
    bare, _, revision = name.partition("@")
    readers = caller.readers()
    try:
        module = hub.registry.get(bare, readers)
    except UnknownArtifact:
        stand_ins = hub.registry.stand_ins(bare, base.name.name, readers)
        if not stand_ins:
            raise
        module = hub.registry.get(stand_ins[0].module, readers)
    if module.kind not in MODULES:
        raise InvalidRequest(f"`{module.name.name}` is of kind {module.kind}, not a language module.")
    if not may_download(hub.registry.database, caller, module):
        raise Gated(f"Access to `{module.name}` is restricted: log in and request access on its page.")
    if problem := _problem(hub, caller, module, base):
        raise InvalidRequest(f"`{module.name.name}` cannot be used here: {problem}.")
    found = hub.registry.revision(module.name, revision or "main", with_files=False)
    return Pinned(name=str(module.name), revision=found.id)


def _problem(hub: LocalHub, caller: Caller, module: Artifact, base: Artifact) -> str:
    """Return why a visible module cannot be used with `base`; empty if it can. Raises DoesNotFit if it was not made for it."""
    if not is_for(module, hub.registry.base_names(str(base.name))):
        raise no_variant(module.name.name, base.name.name, module.bases)
    if not module.weights_digest:
        return "its weights are not stored on this server"
    if not may_download(hub.registry.database, caller, module):
        return "access to it is restricted; request it on its page"
    variant = next((each for each in module.variants if each.folder.lower() == base.name.name.lower()), None)
    if variant is None:
        return f"it has no files for `{base.name.name}`"
    fit = check_fit(module, variant, base)
    return _missing_encoder(hub, caller, variant) if fit.fits else fit.reasons[0]


def _missing_encoder(hub: LocalHub, caller: Caller, variant: Variant) -> str:
    """Return which text encoder is not here, and how to fetch it; empty if all are."""
    for pin in variant.encoders:
        try:
            encoder = hub.registry.get(pin.name, caller.readers())
        except (UnknownArtifact, InvalidRequest):
            return f"its text encoder `{pin.name}` is not available here"
        if not encoder.weights_digest:
            return f"its text encoder is not available here: an administrator can run `{encoder.pull_command}`"
        if problem := encoder_problem(pin, encoder):
            return problem
    return ""
