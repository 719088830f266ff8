"""`hub new`: write a card to fill in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from hub.errors import Conflict, InvalidRequest, Unreachable
from hub.names import ArtifactName
from hub.plugins import advertised
from hub.records import KINDS


def new(
    name: Annotated[str, Argument(help="Name of the artifact, and of the folder.")],
    kind: Annotated[str, Option(help="Kind: adapter, projector, encoder, delta, base or dataset.")] = "adapter",
    base: Annotated[str, Option(help="Base that it is made for, such as sd15.", show_default=False)] = "",
    lang: Annotated[list[str] | None, Option(help="Language; repeat for several.", show_default=False)] = None,
    license: Annotated[str, Option(help="Licence: an SPDX identifier or Hugging Face id.")] = "apache-2.0",
    method: Annotated[str, Option(help="Training method, such as mulan.", show_default=False)] = "",
) -> None:
    """Write a folder with a card to fill in, ready for weights and `hub push`."""
    from hub.cards.licenses import parse_license
    from hub.cli.find.search import tag_of
    from hub.errors import UnknownKind
    from hub.local import LocalHub
    from hub.publish.composition import find_base
    from hub.publish.new_repository import new_card

    folder = Path(name.rpartition("/")[2])
    if kind not in (known := [*KINDS, *advertised("hub.kinds")]):
        raise UnknownKind(kind, known, meant=["delta"] if kind == "lora" else ())
    if parse_license(license) is None:
        raise InvalidRequest(f"`{license[:100]}` is neither an SPDX expression nor a Hugging Face licence id.")
    tags = [tag_of(each) for each in lang or []]
    with LocalHub.open() as hub:
        ArtifactName.parse(name, hub.home.owner)
        if base and "/" not in base:
            base = find_base(hub.registry, base).name.name
    if (folder / "README.md").exists():
        raise Conflict(f"`{folder}/README.md` already exists: edit it, or choose another name.")
    text = new_card(folder.name, kind=kind, base=base, tags=tags, license=license, method=method)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "README.md").write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unreachable(f"cannot write {folder}: {error.strerror}.") from error
    print(folder / "README.md")
    print(f"Fill it in, add the weights, then publish it with `hub push {folder}`.")
