"""`hub show`: the card, scores, files and revisions of an artifact."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from hub.cli.find.facts import general, lineage, own_encoders, requirements, trust
from hub.cli.find.format_scores import as_json, format_value, group_scores
from hub.cli.find.search import ENDPOINT
from hub.cli.terminal import bold, print_table, size
from hub.errors import UnknownRevision
from hub.publish.lineage import lineages
from hub.records import Artifact, Revision, Score
from hub.registry.artifacts.scans import scans_in
from hub.remote.client import Description, Endpoint

if TYPE_CHECKING:
    from hub.cards import Card
    from hub.registry.artifacts.scans import Scan

HEX = 10
"""Printed digits of a digest or revision id."""
MAX_GROUPS = 12
"""Groups of scores shown without --all-scores. Multilingual artifacts have hundreds."""


def show(
    name: Annotated[str, Argument(help="Artifact: `owner/name` or `name`.")],
    revision: Annotated[str, Option(help="Revision: id, number, branch or alias such as @stable.")] = "main",
    all_scores: Annotated[bool, Option("--all-scores", help="Show all scores.")] = False,
    as_object: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Show an artifact: card, scores, files, revisions, and how to load it."""
    found = Endpoint(endpoint).describe(name, revision) if endpoint else _describe_local(name, revision)
    artifact, shown = found.artifact, found.shown
    if shown is None:
        raise UnknownRevision(revision, listing=f"hub show {name}")
    if as_object:
        described = _as_json(artifact, shown, found.revisions, found.scans)
        described |= {"mirror": asdict(found.mirror) if found.mirror else None}
        print(json.dumps(described, ensure_ascii=False, indent=2, default=str))
        return
    card = _card(found.card, artifact)
    print(bold(str(artifact.name)))
    print(artifact.summary)
    print()
    if found.mirror is not None:
        print(
            f"{'mirror of':<14}{found.mirror.upstream} at {found.mirror.commit_id[:12]}, since {found.mirror.fetched_at:%Y-%m-%d}"
        )
    for label, value in [
        *general(artifact),
        *own_encoders(artifact, shown),
        *lineage(found.origins),
        *trust(artifact, shown, found.scans),
        *requirements(card),
    ]:
        print(f"{label:<14}{value}")
    _section("Scores", _print_scores, artifact.scores, all_scores)
    _section("Files", _print_files, shown)
    _section("Revisions", _print_revisions, found.revisions)
    _section("Usage", _print_usage, artifact)
    if card is not None and card.prose:
        _section("Card", print, card.prose)


def _describe_local(name: str, revision: str) -> Description:
    """Describe an artifact of the local registry."""
    from hub.cards.card import FILE
    from hub.local import LocalHub
    from hub.registry.parts import origin_of
    from hub.store.read_whole import read_whole

    with LocalHub.open() as hub:
        artifact = hub.registry.get(name)
        shown = hub.registry.revision(artifact.name, revision)
        card = next((file for file in shown.files if file.path == FILE), None)
        text = ""
        if card is not None:
            text = (read_whole(hub.store, card.digest, card.size_bytes) or b"").decode("utf-8", "replace")
        return Description(
            artifact=artifact,
            shown=shown,
            revisions=hub.registry.revisions(artifact.name),
            card=text,
            origins=tuple(lineages(shown, hub.store)),
            scans=scans_in(hub.registry.database, shown.id),
            mirror=origin_of(hub.registry.database, artifact.name),
        )


def _card(text: str, artifact: Artifact) -> Card | None:
    """Return the card, or None for a repository without a linguahub card."""
    from hub.cards import read_card
    from hub.cards.card import FILE

    if not text or not artifact.summary:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        path.write_text(text, encoding="utf-8")
        return read_card(path, artifact.name)


def _print_scores(scores: tuple[Score, ...], show_all: bool) -> None:
    if not scores:
        print("No scores.")
        return
    groups = group_scores(scores)
    kept = groups if show_all else groups[:MAX_GROUPS]
    rows = [
        (
            title if place == 0 else "",
            score.metric,
            format_value(score),
            f"{score.sample_size or '–'}",
            score.provenance.value,
            _source(score),
        )
        for title, members in kept
        for place, score in enumerate(members)
    ]
    print_table(("BENCHMARK", "METRIC", "VALUE [95 %]", "N", "PROVENANCE", "SOURCE"), rows)
    if len(kept) < len(groups):
        print(f"{len(groups) - len(kept)} more. Show all with `--all-scores`.")


def _source(score: Score) -> str:
    return f"{score.source}; disputed: {score.reason}" if score.reason else score.source


def _print_files(revision: Revision) -> None:
    rows = [(file.path, size(file.size_bytes), file.digest.hex[:HEX]) for file in revision.files]
    print_table(("PATH", "SIZE", "SHA-256"), rows)


def _print_revisions(revisions: tuple[Revision, ...]) -> None:
    rows = [
        (
            str(revision.number),
            revision.id[:HEX],
            f"{revision.created_at:%Y-%m-%d %H:%M}" if revision.created_at else "–",
            "yanked" if revision.yanked else "",
            revision.message,
        )
        for revision in revisions
    ]
    print_table(("NUMBER", "ID", "CREATED", "STATE", "MESSAGE"), rows)


def _print_usage(artifact: Artifact) -> None:
    name = str(artifact.name).removeprefix("linguahub/")
    if not artifact.weights_digest and artifact.upstream and artifact.kind != "base":
        print(f"hub pull {name}    # download and convert its upstream weights first")
    if artifact.kind == "base":
        print(f'from hub import load_pipeline\npipe = load_pipeline("{name}")')
    elif artifact.kind in {"adapter", "projector", "encoder", "delta"} and artifact.bases:
        print(f'from hub import load_pipeline\npipe = load_pipeline("{artifact.bases[0]}", adapter="{name}")')
    else:
        print(f"hub pull {name}")


def _section(title: str, body: Any, *arguments: Any) -> None:
    print(f"\n{bold(title)}")
    body(*arguments)


def _as_json(
    artifact: Artifact, shown: Revision, revisions: tuple[Revision, ...], scans: Mapping[str, Scan]
) -> dict[str, Any]:
    facts = asdict(artifact) | {"name": artifact.name.name, "owner": artifact.name.owner}
    facts["scores"] = [as_json(score) for score in artifact.scores]
    facts["files"] = [
        {"path": file.path, "sha256": file.digest.hex, "size_bytes": file.size_bytes} for file in shown.files
    ]
    facts["signature"] = asdict(shown.signature) if shown.signature else None
    facts["unsafe_files"] = [
        {"path": path, "kind": scan.kind, "verdict": scan.verdict, "evidence": scan.evidence}
        for path, scan in scans.items()
    ]
    facts["revisions"] = [
        {
            "id": each.id,
            "number": each.number,
            "created_at": each.created_at,
            "message": each.message,
            "yanked": each.yanked,
        }
        for each in revisions
    ]
    return facts
