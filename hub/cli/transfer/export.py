"""`hub export`: write a module in the published format of its system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from hub.errors import DoesNotFit


def export(
    name: Annotated[str, Argument(help="Artifact, `owner/name` or `name`, or a folder.")],
    base: Annotated[str, Option(help="Base whose variant to export, if there are several.", show_default=False)] = "",
    to: Annotated[
        Path | None, Option(help="Path of the new file (default: NAME in the working directory).", show_default=False)
    ] = None,
    format: Annotated[str, Option(help="Published format (default: that of the module).", show_default=False)] = "",
    revision: Annotated[str, Option(help="Revision: id, number or branch.")] = "main",
) -> None:
    """Export a module in the published format of its system, and print the path."""
    from hub.convert import export as write

    if Path(name).is_dir():
        variant, title = _variant(Path(name).resolve(), base, name), Path(name).resolve().name
        written, found = write(variant, to, what=title, format_name=format)
    else:
        from hub.local import LocalHub

        with LocalHub.open() as hub:
            artifact = hub.registry.get(name)
            variant = _variant(hub.snapshot(artifact.name, revision), base, name)
            written, found = write(variant, to, what=artifact.name.name, format_name=format)
    print(written)
    print(f"Format: {found.title}.")


def _variant(folder: Path, base: str, name: str) -> Path:
    if (folder / "config.json").is_file() and not base:
        return folder
    variants = sorted(path.parent.name for path in folder.glob("*/config.json"))
    wanted = base.rpartition("/")[2] or (variants[0] if len(variants) == 1 else "")
    if wanted in variants:
        return folder / wanted
    if not variants:
        raise DoesNotFit(f"`{name}` has no downloaded weights. Run `hub pull {name}` first.")
    listed = ", ".join(f"`{each}`" for each in variants)
    raise DoesNotFit(
        f"`{name}` has {f'no variant for `{wanted}`' if wanted else 'several variants'}: choose one of {listed} with --base."
    )
