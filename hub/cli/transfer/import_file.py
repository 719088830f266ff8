"""`hub import`: convert a published system's file into an artifact."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from hub.cli.transfer.push import publish_locally
from hub.errors import Conflict, InvalidRequest

if TYPE_CHECKING:
    from hub.convert import Conversion


def import_file(
    file: Annotated[Path, Argument(help="Published weights file. Its format is recognised by keys and shapes.")],
    name: Annotated[str, Option(help="Name of the artifact (default: FORMAT-BASE).", show_default=False)] = "",
    base: Annotated[
        str, Option(help="Base it was made for (default: recognised by its shapes).", show_default=False)
    ] = "",
    encoder: Annotated[
        str, Option(help="Text encoder it was made for (default: the published one).", show_default=False)
    ] = "",
    lang: Annotated[
        list[str] | None, Option(help="Language it supports; repeat for several (default: mul).", show_default=False)
    ] = None,
    license: Annotated[str, Option(help="Licence of the file.")] = "unknown",
    tokenizer: Annotated[
        Path | None, Option(help="Tokenizer folder, for a file that contains its text encoder.", show_default=False)
    ] = None,
    with_encoder: Annotated[
        bool, Option("--with-encoder", help="Also extract the text encoder from an mCLIP file.")
    ] = False,
    push: Annotated[bool, Option("--push", help="Publish the artifact locally instead of writing a folder.")] = False,
) -> None:
    """Convert a published weights file into a folder of the working directory, or publish it with --push."""
    from hub.convert import convert
    from hub.languages import MULTILINGUAL, parse_language

    if not file.is_file():
        raise InvalidRequest(
            f"`{file}` not found: `hub import` converts a published weights file, such as sd15_base.pth."
        )
    languages = tuple(dict.fromkeys(parse_language(each) for each in lang or [])) or (MULTILINGUAL,)
    with tempfile.TemporaryDirectory(prefix=".hub-import-", dir=None if push else Path()) as scratch:
        variant = Path(scratch) / "variant"
        found = convert(
            file,
            variant,
            what=file.name,
            base=base,
            encoder=encoder,
            languages=languages,
            with_encoder=with_encoder,
            tokenizer=tokenizer,
        )
        fits = found.base.rpartition("/")[2]
        full_name = name or f"{found.format.name}-{fits}"
        folder = Path(scratch) / full_name.rpartition("/")[2]
        folder.mkdir()
        variant.rename(folder / fits)
        _write_card(folder, found, file, languages, license)
        print(publish_locally(folder, full_name, f"Import {file.name}") if push else _move_to_working_directory(folder))
    print(f"Recognised as {found.format.title}: {found.reading.architecture}, {_sizes(found)}.")
    if found.left:
        print(f"Not converted: {', '.join(found.left)}.")


def _sizes(found: Conversion) -> str:
    return ", ".join(f"{key} {value}" for key, value in found.reading.module.items())


def _write_card(folder: Path, found: Conversion, file: Path, languages: tuple[str, ...], license: str) -> None:
    from hub.cards import Card, write_card

    fits = found.base.rpartition("/")[2]
    prose = (
        f"# {folder.name}\n\n`{file.name}`, imported as {found.format.title}: `{found.reading.architecture}` for `{found.base}`.\n\n"
        f"`hub export {folder.name}` restores the original format, with the same bytes in every tensor."
    )
    card = Card(
        kind=found.reading.kind,
        summary=f"{found.format.title}, imported for {fits}.",
        license=license,
        languages=languages,
        method=found.reading.method,
        bases=(found.base,),
        encoder=found.encoder,
        prose=prose,
    )
    write_card(card, folder)


def _move_to_working_directory(folder: Path) -> str:
    target = Path(folder.name)
    if target.exists():
        raise Conflict(f"`{target}` already exists: choose another name with --name, or remove it.")
    folder.rename(target)
    return str(target.resolve())
