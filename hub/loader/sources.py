"""Find a base, a module and its encoders by name in the hub or by folder.

No weights are read, except for the digest of an encoder given as a folder.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import DamagedFile, DoesNotFit, InvalidRequest, InvalidSource, UnknownArtifact, UnknownBase
from hub.loader.base_source import ENGLISH, BaseSource, own_languages, read_base, read_repository
from hub.loader.modules.module_config import ModuleConfig, read_config
from hub.loader.single_file import read_single_file
from hub.publish.card_only import missing_weights
from hub.publish.compatibility import conditioning_problem, has_other_digest
from hub.publish.composition import find_base, find_module, is_for, is_repository, is_single_file, no_variant
from hub.records import Artifact, Pin, Query
from hub.registry.names.stand_ins import say_stand_in
from hub.remote.configurations import fetch_configuration, fetch_encoder
from hub.remote.published_systems import pull
from hub.weights.digest import digest_of, weights_digest

if TYPE_CHECKING:
    from typing import Self

    from hub.local import LocalHub

logger = logging.getLogger(__name__)
EncoderFolders = str | Path | Sequence[str | Path] | None
"""One or several folders with text encoders."""


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
    artifact: str = ""
    """`owner/name` of the artifact; empty for a folder. A stand-in has the requested name, and the artifact that it refers to."""

    @property
    def short_name(self) -> str:
        """The name of the artifact, without owner, or of the folder."""
        return self.artifact.rpartition("/")[2] or self.name


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

    def base(self, name: str | Path, revision: str | None, config: str | Path | None = None) -> BaseSource:
        """Find a base: a folder, a single file, a name in the hub as people write it, or a repository upstream.

        `config`: see `read_single_file`. Raises UnknownBase with similar names, InvalidRequest, DoesNotFit, Unreachable.
        """
        if (folder := _folder(name)) is not None:
            return read_base(folder.name, folder, "", ENGLISH, is_folder=True, is_known=False)
        if is_single_file(name):
            return read_single_file(self.hub, Path(name).expanduser(), config)
        try:
            artifact = find_base(self.hub.registry, str(name))
        except UnknownBase as error:
            if not is_repository(str(name)):
                raise
            return read_repository(self.hub.registry, str(name), revision, error)
        known, languages = artifact.name.name, own_languages(artifact)
        if not artifact.weights_digest and artifact.upstream:
            upstream = replace(artifact.upstream[0], revision=revision or artifact.upstream[0].revision)
            folder = fetch_configuration(upstream.repository, upstream.revision, what=known)
            return read_base(known, folder, "", languages, upstream=upstream)
        digest = artifact.weights_digest
        if revision is not None:
            digest = weights_digest(self.hub.registry.revision(artifact.name, revision).files)
        return read_base(known, self._snapshot(artifact, revision), digest, languages)

    def module(self, name: str | Path, base: BaseSource, variant: str | None) -> ModuleSource:
        """Find the variant of the module `name` for `base`, fetching a published one that is not here yet.

        Raises UnknownArtifact, InvalidRequest for another kind, DoesNotFit if there is no such variant, and what fetching raises.
        """
        if (folder := _folder(name)) is not None:
            known, language = folder.name, ""
        else:
            artifact, stand_in = find_module(self.hub.registry, str(name), self._bases(base, variant))
            bare, _, revision = str(name).partition("@")
            known, language = artifact.name.name, ""
            if stand_in is not None:
                logger.info("`%s` on `%s` is %s", name, stand_in.base, say_stand_in(stand_in))
                known, language, variant = bare.rpartition("/")[2], stand_in.language, stand_in.base.rpartition("/")[2]
            folder = self._module_folder(artifact, revision or None, self._bases(base, variant))
        if (folder / "config.json").is_file():
            found = ModuleSource(known, folder, read_config(folder), (folder.name,), _folder(name) is not None)
        else:
            found = replace(_choose(known, folder, base, variant), is_folder=_folder(name) is not None)
        if _folder(name) is None:
            found = replace(found, artifact=str(artifact.name))
        # A module for all languages reads the requested one: the base keeps its own.
        return replace(found, config=replace(found.config, languages=(language,))) if language else found

    def _bases(self, base: BaseSource, variant: str | None) -> list[str]:
        """Return the names under which modules can be for `base`: its own, its parents', or all with the same conditioning."""
        if variant is not None:
            return [variant]
        if base.is_known or base.parents:
            return [base.name] if base.is_known else [*base.parents]
        known = self.hub.registry.find(Query(kind="base", sort="name", limit=1000)).items
        return [each.name.name for each in known if each.conditioning == base.conditioning]

    def _module_folder(self, artifact: Artifact, revision: str | None, bases: Sequence[str]) -> Path:
        """Return the files of a module. A published one is fetched, converted and recorded when it is first used for one of `bases`."""
        if not artifact.weights_digest and artifact.upstream and artifact.bases and revision is None:
            asked = [name for base in bases for name in self.hub.registry.base_names(base)]
            if not is_for(artifact, asked):
                raise no_variant(artifact.name.name, bases[0] if bases else "this base", artifact.bases)
            logger.info("fetching and converting the published module `%s` …", artifact.name.name)
            pull(artifact, self.hub.snapshot(artifact.name), self.hub.registry, self.hub.store)
            artifact = self.hub.registry.get(artifact.name)
        return self._snapshot(artifact, revision)

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


def _folder(name: str | Path) -> Path | None:
    """Return `name` as a folder if it is one, as Hugging Face's libraries do."""
    path = Path(name).expanduser()
    return path.resolve() if path.is_dir() else None


def _choose(name: str, folder: Path, base: BaseSource, variant: str | None) -> ModuleSource:
    folders = {path.parent.name: path.parent for path in sorted(folder.glob("*/config.json"))}
    names = tuple(folders)
    if not names:
        raise DoesNotFit(f"`{name}` has no variants: expected a folder with `<base>/config.json`.")
    wanted = [variant] if variant else [base.name, *base.parents]
    for each in wanted:
        if each in folders:
            return ModuleSource(name, folders[each], read_config(folders[each]), names)
    if not base.is_known and variant is None:
        # Names of folders and files are arbitrary, and the parent is not stated: conditioning decides.
        fitting = [(each, config) for each in names if not _misfit(config := read_config(folders[each]), base)]
        if len(fitting) == 1:
            ((chosen, config),) = fitting
            return ModuleSource(name, folders[chosen], config, names)
        if fitting:
            raise DoesNotFit(
                f"`{name}` has several variants that fit `{base.name}`: choose with `module_variant=`, of {_list(e for e, _ in fitting)}."
            )
    raise no_variant(name, wanted[-1], names)


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
