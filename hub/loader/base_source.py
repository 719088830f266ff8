"""A base that was found, not yet loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.bases.family import Family, family_of
from hub.cards.card import FILE
from hub.cards.front_matter import split_front_matter
from hub.conditioning import Conditioning
from hub.errors import DamagedFile, HubError, InvalidCard, InvalidRequest, UnknownBase, UnknownFile, Unreachable
from hub.publish.composition import find_base
from hub.records import Artifact, Upstream
from hub.registry import Registry
from hub.remote.configurations import fetch_configuration

ENGLISH = ("en",)
"""Languages of bases that declare none."""


@dataclass(frozen=True, slots=True)
class BaseSource:
    """A base that was found, not yet loaded."""

    name: str
    """The name in the registry, `emoji-sd`, of the upstream repository, or of the folder or file."""
    folder: Path
    """Its files, or only its configuration: see `upstream` and `checkpoint`."""
    family: Family
    conditioning: Conditioning
    digest: str
    """Its `weights_digest`; empty for a folder, which is checked by its conditioning."""
    languages: tuple[str, ...]
    """Languages of its own encoder."""
    is_folder: bool = False
    upstream: Upstream | None = None
    """Where the weights are, if only the configuration is in `folder`."""
    is_known: bool = True
    """Whether it is in the registry, so that modules can name it."""
    parents: tuple[str, ...] = ()
    """Names in the registry of the bases that it was fine-tuned from, if known. Their modules are tried."""
    checkpoint: Path | None = None
    """The single file with its weights."""

    @property
    def title(self) -> str:
        """The name, without an owner."""
        return self.name.rpartition("/")[2]

    @property
    def fetch_command(self) -> str:
        """The command that fetches its files again."""
        is_repository = self.upstream is not None and not self.is_known
        return f"hf download {self.name}" if is_repository else f"hub pull {self.name}"


def read_base(name: str, folder: Path, digest: str, languages: tuple[str, ...], **more: Any) -> BaseSource:
    """Return the base with the configuration in `folder`; `more` are further fields. Raises DamagedFile, UnknownFile, DoesNotFit."""
    try:
        family = family_of(folder, what=name)
        conditioning = family.conditioning(folder)
    except (DamagedFile, UnknownFile) as error:
        if more.get("upstream") is None:
            raise
        command = f"hub pull {name}" if more.get("is_known", True) else f"hf download {name}"
        raise DamagedFile(
            f"the settings of `{name}` cannot be read: {str(error).partition('.')[0]}. Fetch them again with `{command}`."
        ) from error
    return BaseSource(name, folder, family, conditioning, digest, languages, **more)


def read_repository(registry: Registry, name: str, revision: str | None, unknown: UnknownBase) -> BaseSource:
    """Fetch the configuration of the upstream repository `name`, and find its parents in its card.

    `unknown` has similar names. Raises UnknownBase if the repository does not exist, InvalidRequest if it is not a pipeline in
    diffusers' layout, DoesNotFit for an unknown family, and Unreachable.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    upstream = Upstream(repository=name, file="model_index.json", revision=revision or "main")
    try:
        folder = fetch_configuration(name, upstream.revision, what=name, card=True)
    except Unreachable as error:
        reason = error.__cause__
        is_missing = isinstance(reason, RepositoryNotFoundError) and not isinstance(reason, GatedRepoError)
        if is_missing or isinstance(reason, HFValidationError):
            more = f" {constants.ENDPOINT} has no such repository either; a private one needs `hf auth login`."
            raise UnknownBase(name, meant=unknown.suggestions, more=more) from error
        raise
    if not (folder / upstream.file).is_file():
        raise InvalidRequest(
            f"`{name}` is not a pipeline in diffusers' layout: it has no {upstream.file}. To load a single file of it, download it with "
            f"`hf download {name} FILE`, and pass its path."
        )
    parents = _parents(registry, folder)
    languages = tuple(dict.fromkeys(tag for each in parents for tag in own_languages(each))) or ENGLISH
    names = tuple(each.name.name for each in parents)
    return read_base(name, folder, "", languages, upstream=upstream, is_known=False, parents=names)


def own_languages(base: Artifact) -> tuple[str, ...]:
    """Return the languages that a base's own encoder reads."""
    from hub.languages import MULTILINGUAL

    return tuple(tag for tag in base.languages if tag != MULTILINGUAL) or ENGLISH


def _parents(registry: Registry, folder: Path) -> list[Artifact]:
    """Return the known bases that the card in `folder` names as `base_model`; a card without or with invalid front matter names none."""
    try:
        stated = split_front_matter((folder / FILE).read_text(encoding="utf-8-sig"))[0].get("base_model")
    except (OSError, UnicodeDecodeError, InvalidCard):
        return []
    found = []
    for each in stated if isinstance(stated, list) else [stated]:
        try:
            found.append(find_base(registry, str(each)))
        except HubError:
            continue
    return found
