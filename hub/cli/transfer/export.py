"""`hub export`: an artifact's module as a file that its system's own code reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from hub.errors import DoesNotFit


def export(
    name: Annotated[str, Argument(help="`owner/name`, `name` alone, or a folder.")],
    base: Annotated[str, Option(help="Which variant, where there are several.", show_default=False)] = "",
    to: Annotated[Path | None, Option(help="The file to write, which must not exist.", show_default=False)] = None,
    format: Annotated[str, Option(help="A published format; its own by default.", show_default=False)] = "",
    revision: Annotated[str, Option(help="A revision's id, number or reference.")] = "main",
) -> None:
    """Write an artifact's module in the format its system publishes, and print the file."""
    from hub.convert import export as write

    if Path(name).is_dir():
        variant, called = _variant(Path(name).resolve(), base, name), Path(name).resolve().name
        written, found = write(variant, to, what=called, format_name=format)
    else:
        from hub.local import LocalHub

        with LocalHub.open() as hub:
            artifact = hub.registry.get(name)
            variant = _variant(hub.snapshot(artifact.name, revision), base, name)
            written, found = write(variant, to, what=artifact.name.name, format_name=format)
    print(written)
    print(f"It is in the format of {found.title}.")


def _variant(folder: Path, base: str, name: str) -> Path:
    if (folder / "config.json").is_file() and not base:
        return folder
    there = sorted(path.parent.name for path in folder.glob("*/config.json"))
    wanted = base.rpartition("/")[2] or (there[0] if len(there) == 1 else "")
    if wanted in there:
        return folder / wanted
    listed = ", ".join(f"`{each}`" for each in there) or "none: `hub pull` fetches what a card names"
    raise DoesNotFit(
        f"`{name}` has no variant {f'for `{wanted}`' if wanted else 'that is the only one'}; those here are {listed}."
    )
