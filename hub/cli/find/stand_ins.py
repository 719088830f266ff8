"""Print stand-ins: the modules that a name such as `mulan-fr` refers to on bases without a module of that name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hub.cli.terminal import bold, print_table
from hub.languages import language_name
from hub.records import StandIn
from hub.registry.names.stand_ins import say_stand_in


def print_stand_ins(stand_ins: Sequence[StandIn]) -> None:
    """Print one line for each base."""
    print_table(("BASE", "MODULE"), [(each.base, say_stand_in(each)) for each in stand_ins], cut=("MODULE",))


def print_name(stand_ins: Sequence[StandIn], *, as_object: bool = False) -> None:
    """Print the summary of a name that no artifact has, in place of a card, and how to load it; or JSON."""
    first = stand_ins[0]
    if as_object:
        described = {"name": first.name, "stand_ins": [*map(as_json, stand_ins)]}
        print(json.dumps(described, ensure_ascii=False, indent=2))
        return
    print(bold(first.name))
    print(f"{language_name(first.language)} through modules of other names. No artifact has this name yet.\n")
    print_stand_ins(stand_ins)
    print(f"\n{bold('Usage')}\nfrom hub import load_pipeline")
    print(f'pipe = load_pipeline("{first.base}", adapter="{first.name}")')


def as_json(stand_in: StandIn) -> dict[str, Any]:
    """Return a stand-in as `--json` prints it."""
    return asdict(stand_in)
