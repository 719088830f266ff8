"""`hub languages`: the languages of the registered artifacts."""

from __future__ import annotations

import json
from typing import Annotated

from typer import Option

from hub.cli.terminal import print_table


def languages(
    as_objects: Annotated[bool, Option("--json", help="Print JSON.")] = False,
) -> None:
    """List languages with the number of artifacts for each."""
    from hub.languages import autonym, language_name
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        counts = hub.registry.languages()
    tags = sorted(counts, key=lambda tag: (-counts[tag], tag))
    if as_objects:
        known = [
            {"tag": tag, "name": language_name(tag), "autonym": autonym(tag), "artifacts": counts[tag]} for tag in tags
        ]
        print(json.dumps(known, ensure_ascii=False, indent=2))
    else:
        print_table(
            ("TAG", "NAME", "AUTONYM", "ARTIFACTS"),
            [(tag, language_name(tag), autonym(tag), str(counts[tag])) for tag in tags],
            drop=("AUTONYM",),
        )
