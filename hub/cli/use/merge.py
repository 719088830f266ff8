"""`hub merge`: merge modules that share a parent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from hub.cli.transfer.push import summary
from hub.errors import InvalidRequest
from hub.names import ArtifactName


def merge(
    modules: Annotated[
        list[str], Argument(metavar="MODULE", help="Name or folder of a module with the same parent as the others.")
    ],
    name: Annotated[str, Option(help="Name of the new module: `owner/name` or `name`.")],
    weights: Annotated[
        str, Option(help="Comma-separated weights, such as 0.7,0.3 (default: equal).", show_default=False)
    ] = "",
    method: Annotated[str, Option(help="Merge method: linear or ties.")] = "linear",
    density: Annotated[
        float | None,
        Option(
            help="Share of the changes that TIES keeps (default: 0.2 if the parent is known, else 1).",
            show_default=False,
        ),
    ] = None,
    base: Annotated[str, Option(help="Base whose variants are merged, if there are several.", show_default=False)] = "",
    parent: Annotated[
        str, Option(help="Parent of the modules (default: read from their configuration).", show_default=False)
    ] = "",
    folder: Annotated[
        Path | None,
        Option("--output", "-o", help="Output folder (default: the module's name).", show_default=False),
    ] = None,
    push: Annotated[bool, Option("--push", help="Also publish the new module.")] = False,
) -> None:
    """Merge modules that share a parent into one."""
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        target = ArtifactName.parse(name, hub.home.owner)
        for each in modules:
            if not Path(each).is_dir():
                hub.registry.get(each.partition("@")[0])
        from hub.loader.merge_modules import merge
        from hub.publish.publish import publish

        merged = merge(
            modules,
            folder or Path(target.name),
            weights=_parse_weights(weights),
            method=method,
            density=density,
            base=base,
            parent=parent or None,
            hub=hub,
        )
        print(merged)
        if push:
            message = f"Merge {', '.join(modules)}"
            revision = publish(merged, target, hub.registry, hub.store, message=message)
            print(summary(revision))


def _parse_weights(text: str) -> list[float] | None:
    try:
        return [float(each) for each in text.split(",")] if text else None
    except ValueError as error:
        raise InvalidRequest(
            f"invalid --weights `{text}`: use one number per module, separated by commas: 0.7,0.3."
        ) from error
