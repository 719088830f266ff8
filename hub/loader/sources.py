"""Find a base, a module and its encoders by name in the hub or by folder.

No weights are read, except for the digest of an encoder given as a folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hub.bases.family import Family, family_of
from hub.conditioning import Conditioning
from hub.errors import DamagedFile, DoesNotFit, InvalidRequest, InvalidSource, UnknownArtifact, UnknownFile
from hub.languages import MULTILINGUAL
from hub.loader.modules.module_config import ModuleConfig, read_config
from hub.publish.card_only import missing_weights
from hub.publish.compatibility import conditioning_problem, has_other_digest
from hub.publish.composition import find_base, find_module, no_variant
from hub.records import Artifact, Pin, Query, Upstream, weights_digest
from hub.remote.configurations import fetch_configuration, fetch_encoder
from hub.weights.digest import digest_of

if TYPE_CHECKING:
    from typing import Self

    from hub.local import LocalHub

EncoderFolders = str | Path | Sequence[str | Path] | None
"""One or several folders with text encoders."""
_OWN_LANGUAGES = ("en",)
"""Languages of bases that declare none."""


@dataclass(frozen=True, slots=True)
class BaseSource:
    """A base that was found, not yet loaded."""

    name: str
    """The name in the registry, `emoji-sd`, or of the folder."""
    folder: Path
    family: Family
    conditioning: Conditioning
    digest: str
    """Its `weights_digest`; empty for a folder, which is checked by its conditioning."""
    languages: tuple[str, ...]
    """Languages of its own encoder."""
    is_folder: bool = False
    upstream: Upstream | None = None
    """Where the weights are, if only the configuration is in `folder`."""


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """One variant of a module that was found, not yet loaded."""

    name: str
    folder: Path
    """Folder of the variant."""
    config: ModuleConfig
    alternatives: tuple[str, ...]
    """Names of all variants, including this one."""
    is_folder: bool = False
    """Whether it was given as a folder, not by name."""


class Sources:
    """Finds bases, modules and encoders by path, or by name in a hub that is opened on demand."""

    def __init__(self, hub: LocalHub | None) -> None:
        self._given = hub
        self._opened: LocalHub | None = None

    @property
    def hub(self) -> LocalHub:
        """Return the given hub, or open the one of this installation."""
        if self._given is not None:
            return self._given
        if self._opened is None:
            from hub.local import LocalHub

            self._opened = LocalHub.open()
        return self._opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close a hub that was opened here; the next access opens it again."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def base(self, name: str | Path, revision: str | None) -> BaseSource:
        """Find the base called `name`. Raises UnknownBase with similar names, and InvalidRequest."""
        if (folder := _folder(name)) is not None:
            return _base(folder.name, folder, "", _OWN_LANGUAGES, is_folder=True)
        artifact = find_base(self.hub.registry, str(name))
        known = artifact.name.name
        languages = tuple(tag for tag in artifact.languages if tag != MULTILINGUAL) or _OWN_LANGUAGES
        if not artifact.weights_digest and artifact.upstream:
            upstream = replace(artifact.upstream[0], revision=revision or artifact.upstream[0].revision)
            folder = fetch_configuration(upstream.repository, upstream.revision, what=known)
            return _base(known, folder, "", languages, upstream=upstream)
        digest = artifact.weights_digest
        if revision is not None:
            digest = weights_digest(self.hub.registry.revision(artifact.name, revision).files)
        return _base(known, self._snapshot(artifact, revision), digest, languages)

    def module(self, name: str | Path, base: BaseSource, variant: str | None) -> ModuleSource:
        """Find the variant of the module `name` for `base`. Raises UnknownArtifact, InvalidRequest for another kind,
        and DoesNotFit if there is no such variant.
        """
        if (folder := _folder(name)) is not None:
            known = folder.name
        else:
            artifact = find_module(self.hub.registry, str(name))
            revision = str(name).partition("@")[2]
            folder, known = self._snapshot(artifact, revision or None), artifact.name.name
        if (folder / "config.json").is_file():
            return ModuleSource(known, folder, read_config(folder), (folder.name,), _folder(name) is not None)
        return replace(_choose(known, folder, base, variant), is_folder=_folder(name) is not None)

    def fitting_module(self, name: str | Path, base: BaseSource, variant: str | None) -> ModuleSource:
        """Find a module as `module` does, and check that it fits. Raises DoesNotFit before weights are read."""
        module = self.module(name, base, variant)
        check_fit(module, base)
        return module

    def encoders(self, module: ModuleSource, given: EncoderFolders) -> tuple[tuple[str, Path], ...]:
        """Return names and folders of the encoders of `module`, in order; empty if the base's own text encoder is used.

        `given` are their folders, one for each. Raises InvalidRequest, DoesNotFit, DamagedFile and Unreachable.
        """
        if module.config.own_encoder:
            return (self.own_encoder(module),)
        pins = module.config.variant.encoders
        if given is None or not pins:  # A module without an encoder ignores a given one.
            folders: list[str | Path | None] = [None] * len(pins)
        else:
            folders = [given] if isinstance(given, str | Path) else list(given)
        if len(folders) != len(pins):
            raise InvalidRequest(
                f"`{module.name}` reads {len(pins)} encoders, {_list(pin.name for pin in pins)}, and `encoder` names {len(folders)}: "
                "pass one folder for each, in this order."
            )
        return tuple(self.encoder(pin, folder) for pin, folder in zip(pins, folders, strict=True))

    def own_encoder(self, module: ModuleSource) -> tuple[str, Path]:
        """Return name and folder of the encoder inside the module's variant. Raises DamagedFile.

        Its digest is checked if the module is a folder; files of the store were checked when they were added.
        """
        folder = module.folder / module.config.own_encoder
        if not folder.is_dir():
            raise DamagedFile(f"`{module.name}` has no folder `{folder.name}`, where its config places the encoder.")
        if module.is_folder and (found := digest_of(folder)) != module.config.own_digest:
            raise DamagedFile(
                f"the encoder of `{module.name}` has digest {found[:12]} and should have {module.config.own_digest[:12]}. "
                f"Fetch it again with `hub pull {module.name}`."
            )
        return module.name, folder

    def encoder(self, pin: Pin, given: str | Path | None) -> tuple[str, Path]:
        """Return name and folder of the encoder with exactly the weights of `pin`.

        Raises DoesNotFit if there is none, UnknownArtifact, InvalidRequest and InvalidSource.
        """
        if given is not None:
            if (folder := _folder(given)) is None:
                raise InvalidRequest(f"`encoder` must be a folder, and `{given}` is not one.")
            if any(folder.glob("open_clip_*model.*")):
                raise InvalidSource(
                    f"the folder `{folder.name}` is in open_clip's layout, which is not supported: leave `encoder` out, and "
                    f"convert it with `hub pull {pin.name}`."
                )
            if pin.digest and (found := digest_of(folder)) != pin.digest:
                raise DoesNotFit(
                    _other_encoder(pin, f"the folder `{folder.name}`", found, self._pull_command(pin.name))
                )
            return pin.name, folder
        artifact = self._encoder(pin.name)
        known = artifact.name.name  # the name for `hub pull`, even if the pin names a repository upstream
        if not artifact.weights_digest and artifact.upstream and not pin.digest:
            return known, fetch_encoder(artifact.upstream[0], what=known)
        if not pin.digest or artifact.weights_digest == pin.digest:
            return known, self._snapshot(artifact, None)
        for revision in sorted(self.hub.registry.revisions(artifact.name), key=lambda each: each.yanked):
            if weights_digest(revision.files) == pin.digest:
                return known, self._snapshot(artifact, revision.id)
        raise DoesNotFit(_other_encoder(pin, f"`{artifact.name}` here", artifact.weights_digest, artifact.pull_command))

    def _encoder(self, name: str) -> Artifact:
        """Find an encoder by its name, or by its upstream repository. Raises UnknownArtifact."""
        try:
            return self.hub.registry.get(name)
        except UnknownArtifact:
            known = self.hub.registry.find(Query(kind="encoder", sort="name", limit=1000)).items
            for each in known:
                if name in {upstream.repository for upstream in each.upstream}:
                    return each
            raise

    def _pull_command(self, name: str) -> str:
        try:
            return self._encoder(name).pull_command
        except UnknownArtifact:
            return f"hub pull {name}"

    def _snapshot(self, artifact: Artifact, revision: str | None) -> Path:
        if not artifact.weights_digest:  # only a card
            raise missing_weights(artifact)
        return self.hub.snapshot(artifact.name, revision or "main")


def _base(
    name: str,
    folder: Path,
    digest: str,
    languages: tuple[str, ...],
    *,
    is_folder: bool = False,
    upstream: Upstream | None = None,
) -> BaseSource:
    try:
        family = family_of(folder, what=name)
        conditioning = family.conditioning(folder)
    except (DamagedFile, UnknownFile) as error:
        if upstream is None:
            raise
        raise DamagedFile(
            f"the settings of `{name}` cannot be read: {str(error).partition('.')[0]}. Fetch them again with `hub pull {name}`."
        ) from error
    return BaseSource(name, folder, family, conditioning, digest, languages, is_folder, upstream)


def _folder(name: str | Path) -> Path | None:
    """Return `name` as a folder if it is one, as Hugging Face's libraries do."""
    path = Path(name).expanduser()
    return path.resolve() if path.is_dir() else None


def _choose(name: str, folder: Path, base: BaseSource, variant: str | None) -> ModuleSource:
    folders = {path.parent.name: path.parent for path in sorted(folder.glob("*/config.json"))}
    names = tuple(folders)
    if not names:
        raise DoesNotFit(f"`{name}` has no variants: expected a folder with `<base>/config.json`.")
    wanted = variant or base.name
    if wanted in folders:
        return ModuleSource(name, folders[wanted], read_config(folders[wanted]), names)
    if base.is_folder and variant is None:
        # Folder names are arbitrary, so conditioning decides.
        fitting = [(each, config) for each in names if not _misfit(config := read_config(folders[each]), base)]
        if len(fitting) == 1:
            ((chosen, config),) = fitting
            return ModuleSource(name, folders[chosen], config, names)
        if fitting:
            raise DoesNotFit(
                f"`{name}` has several variants that fit `{base.name}`: choose with `variant=`, of {_list(e for e, _ in fitting)}."
            )
    raise no_variant(name, wanted, names)


def check_fit(module: ModuleSource, base: BaseSource) -> None:
    """Raise DoesNotFit, naming both sides and all variants, if `module` does not fit `base`.

    A base given as a folder is checked by its conditioning, one from the registry also by the digest that the module was trained on.
    """
    if problem := _misfit(module.config, base):
        raise DoesNotFit(
            f"`{module.name}` {problem}. Its variants are for {_list(module.alternatives)}; "
            f"find modules that fit with `hub search --base {base.name}`."
        )
    pin = module.config.variant.base
    if has_other_digest(module.config.variant, base.name, base.digest):
        raise DoesNotFit(
            f"`{module.name}` was trained on `{base.name}` with digest {pin.digest[:12]}, and `{base.name}` here has "
            f"{base.digest[:12]}. Choose the base's revision with `revision=`, or find a newer module with "
            f"`hub search --base {base.name}`."
        )


def _misfit(config: ModuleConfig, base: BaseSource) -> str:
    return conditioning_problem(config.variant, base.name, base.conditioning)


def _other_encoder(pin: Pin, found: str, digest: str, command: str) -> str:
    return (
        f"the module was trained on the encoder `{pin.name}` with digest {pin.digest[:12]}, and {found} has {digest[:12] or 'none'}. "
        f"Fetch the right one with `{command}`."
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
