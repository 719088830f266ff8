"""Render and parse docs/reference/clients.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.builders import ROOT
from tests.clients.environments import VERSIONS

PAGE = ROOT / "docs" / "reference" / "clients.md"
LIBRARIES = "libraries"
"""The group of steps of diffusers, transformers and PEFT."""
JAVASCRIPT = "javascript"
"""The group of steps of the JavaScript client."""
WITHOUT_XET = "without Xet"
_TITLES = {
    "accounts": "Accounts", "repositories": "Repositories", "uploads": "Uploads", "downloads": "Downloads", "lists": "Lists",
    "descriptions": "Descriptions", "history": "Branches, tags, commits, likes", "gates": "Gated repositories", "cards": "Cards",
    "copies": "Copies between repositories", "files": "File system", "commands": "Command line", "refusals": "Unsupported features (501 with a clear error)",
    WITHOUT_XET: "Uploads with `HF_HUB_DISABLE_XET=1`", LIBRARIES: "Libraries",
    JAVASCRIPT: "JavaScript",
}  # fmt: skip
_HEAD = """# Clients

This page lists what Hugging Face's clients can do with `hub serve`. Each version runs unmodified in its own environment, with only
`HF_ENDPOINT` and `HF_TOKEN` set; the JavaScript client takes both as `hubUrl` and `accessToken`. Each row is a function in
`tests/clients/journey`, or in `tests/clients/javascript`, that checks what the client received. `python -m tests.clients` runs
them all and writes this page; `make test` runs them and compares. A number links to the reason why a version lacks a feature, with
any server.
"""
_TAIL = """
## Notes

* This server does not support Xet downloads. Several versions of the client need them for files of more than 50 GB.
* Copies between repositories need no transfer: a file may be copied by those who can download it. Files of a gated repository can
  only be copied to a repository that is gated, too; its administrators can copy them anywhere.
* Where a branch and a tag have the same name, downloads get the tag, as with git, and commits go to the branch.
* huggingface_hub before 2.0 validates cards on huggingface.co. Without a network, or for a private card, upload README.md with
  `upload_file`. The server validates every uploaded card in any case.
* Inference endpoints and `inference catalog` use other hosts regardless of `HF_ENDPOINT`: those calls never reach this server.
* transformers may look for a conversion of `.bin` weights on a third-party server, and sends it the repository's name and token. Set
  `DISABLE_SAFETENSORS_CONVERSION=1`, or publish only safetensors, which this server requires by default.
"""


@dataclass(frozen=True)
class Cell:
    """The result of one client at one step."""

    group: str
    name: str
    column: str


def cells_of(outcomes: list[dict[str, Any]], column: str, group: str = "") -> dict[Cell, str]:
    """Return `yes`, or the reason why the feature is missing, by cell. Fails if a step failed."""
    failed = [f"{each['group']}, {each['name']}:\n{each['reason']}" for each in outcomes if each["outcome"] == "failed"]
    assert not failed, f"{column} failed at {len(failed)} steps.\n\n" + "\n\n".join(failed)
    return {
        Cell(group or each["group"], each["name"], column): each["reason"] if each["outcome"] == "absent" else "yes"
        for each in outcomes
    }


def render(cells: Mapping[Cell, str]) -> str:
    """Return the text of the page."""
    reasons: dict[str, int] = {}
    parts = [_HEAD]
    for group, title in _TITLES.items():
        own = [cell for cell in cells if cell.group == group]
        rows = dict.fromkeys(cell.name for cell in own)
        columns = (
            list(dict.fromkeys(cell.column for cell in own)) if group in {LIBRARIES, JAVASCRIPT} else list(VERSIONS)
        )
        if not rows:
            continue
        lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        for row in rows:
            values = (cells.get(Cell(group, row, column), "") for column in columns)
            shown = (
                value if value in {"yes", ""} else f"[{reasons.setdefault(value, len(reasons) + 1)}](#reasons)"
                for value in values
            )
            lines.append(f"| {row} | {' | '.join(shown)} |")
        parts.append(f"\n## {title}\n\n" + "\n".join(lines) + "\n")
    listed = "\n".join(f"{place}. {reason[0].upper()}{reason[1:]}." for reason, place in reasons.items())
    return "".join([*parts, f"\n## Reasons\n\n{listed}\n", _TAIL])


def parse(text: str) -> dict[Cell, str]:
    """Return the cells of a page that `render` wrote."""
    groups = {title: group for group, title in _TITLES.items()}
    reasons = re.findall(r"(?m)^\d+\. (.*)\.$", text.partition("\n## Reasons\n")[2])
    cells = {}
    for part in text.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("| ")]
        columns = [each.strip() for each in lines[0].strip("|").split("|")[1:]] if title in groups else []
        for line in lines[1:] if columns else ():
            name, *values = (each.strip() for each in line.strip("|").split(" | "))
            for column, value in zip(columns, values, strict=True):
                number = re.fullmatch(r"\[(\d+)\]\(#reasons\)", value)
                cells[Cell(groups[title], name, column)] = reasons[int(number[1]) - 1] if number else value
    return {cell: value[0].lower() + value[1:] if value else value for cell, value in cells.items()}
