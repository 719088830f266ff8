"""`hub diff`: what changed between two revisions."""

from __future__ import annotations

import json
from typing import Annotated, Any

from typer import Argument, Option

from hub.cli.find.search import ENDPOINT
from hub.cli.terminal import count, print_table, size


def diff(
    name: Annotated[str, Argument(help="Artifact: `owner/name` or `name`.")],
    before: Annotated[str, Argument(help="Older revision: id, number, branch or alias such as @stable.")],
    after: Annotated[str, Argument(help="Newer revision.")] = "main",
    as_object: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Show what changed between two revisions: card, files, and tensors by name, shape and type."""
    found = _remote(endpoint, name, before, after) if endpoint else _local(name, before, after)
    if as_object:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    if found["card"]:
        print(f"{found['card']}\n")
    if not found["is_card_whole"]:
        print("The card is too long for a line-by-line comparison.\n")
    rows = [
        (each["change"], each["path"], _size(each["before_bytes"]), _size(each["after_bytes"]))
        for each in found["files"]
    ]
    if rows:
        print_table(("CHANGE", "FILE", "BEFORE", "AFTER"), rows)
    print(f"Unchanged: {count(found['unchanged_files'], 'file')}.")
    if found["tensors"] or found["same_tensors"]:
        print()
        lines = [
            (each["path"], each["name"], _tensor(each["before"]), _tensor(each["after"])) for each in found["tensors"]
        ]
        if lines:
            print_table(("WEIGHTS", "TENSOR", "BEFORE", "AFTER"), lines)
        print(f"Same name, shape and type in changed files: {count(found['same_tensors'], 'tensor')}.")


def _local(name: str, before: str, after: str) -> dict[str, Any]:
    from hub.local import LocalHub
    from hub.publish.diff import diff_revisions, to_json

    with LocalHub.open() as hub:
        artifact = hub.registry.get(name).name
        first, second = hub.registry.revision(artifact, before), hub.registry.revision(artifact, after)
        return {"before": first.id, "after": second.id, **to_json(diff_revisions(first, second, hub.store))}


def _remote(address: str, name: str, before: str, after: str) -> dict[str, Any]:
    from hub.remote.client import Endpoint

    endpoint = Endpoint(address)
    found: dict[str, Any] = endpoint.ask(
        "GET", f"/artifacts/{endpoint.full_name(name)}/diff", {"from": before, "to": after}
    )
    return found


def _size(size_bytes: int | None) -> str:
    return "–" if size_bytes is None else size(size_bytes)


def _tensor(tensor: dict[str, Any] | None) -> str:
    return "–" if tensor is None else f"{tensor['dtype']} {' × '.join(map(str, tensor['shape'])) or 'scalar'}"
