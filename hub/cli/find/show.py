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
from hub.cli.find.format_scores import as_json, format_value, print_record
from hub.cli.find.search import ENDPOINT, finder, on
from hub.cli.find.stand_ins import as_json as stand_in_as_json
from hub.cli.find.stand_ins import print_name, print_stand_ins
from hub.cli.terminal import bold, print_table, short_name, size
from hub.errors import InvalidRequest, UnknownRevision
from hub.publish.lineage import lineages
from hub.records import Artifact, Query, Revision, Score, StandIn
from hub.registry.artifacts.scans import scans_in
from hub.registry.index.ranking import ranking
from hub.registry.index.tags import CURATED_OWNER
from hub.registry.names.stand_ins import MODULES
from hub.remote.client import Description, Endpoint

if TYPE_CHECKING:
    from hub.cards import Card
    from hub.registry.artifacts.scans import Scan

HEX = 10
"""Printed digits of a digest or revision id."""
MAX_SCORES, MAX_FILES, MAX_REVISIONS = 5, 10, 3
"""Lines of a summary. A multilingual artifact has hundreds of scores, a pipeline dozens of files."""


def show(
    name: Annotated[str, Argument(help="Artifact: `owner/name` or `name`.")],
    revision: Annotated[str, Option(help="Revision: id, number, branch or alias such as @stable.")] = "main",
    scores: Annotated[bool, Option("--scores", help="Show all scores.")] = False,
    score: Annotated[
        str, Option(help="Show one score with its run record, by the id in `hub leaderboard`.", show_default=False)
    ] = "",
    files: Annotated[bool, Option("--files", help="Show all files.")] = False,
    revisions: Annotated[bool, Option("--revisions", help="Show all revisions.")] = False,
    prose: Annotated[bool, Option("--card", help="Also print the text of the card.")] = False,
    as_object: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Show a summary of an artifact: facts, best scores, files, revisions, and how to load it."""
    try:
        found = _describe(name, revision, endpoint)
    except InvalidRequest:
        if not (stand_ins := _stand_ins_of(name, revision, endpoint)):
            raise
        print_name(stand_ins, as_object=as_object)
        return
    artifact, shown = found.artifact, found.shown
    if shown is None:
        raise UnknownRevision(revision, listing=f"hub show {name}")
    if score:
        print_record(artifact, score, as_object=as_object)
        return
    if as_object:
        described = _as_json(artifact, shown, found.revisions, found.scans)
        described |= {"mirror": asdict(found.mirror) if found.mirror else None}
        described |= {"stand_ins": [*map(stand_in_as_json, found.stand_ins)]}
        print(json.dumps(described, ensure_ascii=False, indent=2, default=str))
        return
    card = _card(found.card, artifact)
    print(bold(short_name(artifact.name)))
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
    if found.stand_ins:
        _section("Other bases", print_stand_ins, found.stand_ins)
    _section("Scores", _print_scores, artifact, scores)
    _section("Files", _print_files, shown, files)
    _section("Revisions", _print_revisions, found.revisions, revisions)
    _section("Usage", _print_usage, artifact, endpoint)
    if card is not None and card.prose:
        if prose:
            _section("Card", print, card.prose)
        else:
            print(f"\nRead its card with `{_command('show', artifact, endpoint)} --card`.")


def _stand_ins_of(name: str, revision: str, endpoint: str) -> tuple[StandIn, ...]:
    """Return the modules that a name without an artifact refers to; none for a revision, which stand-ins do not have."""
    if revision != "main":
        return ()
    with finder(endpoint) as find:
        return find(Query(text=name, limit=1)).stand_ins


def _describe(name: str, revision: str, endpoint: str) -> Description:
    """Describe an artifact, or a base by any of its names. Raises UnknownArtifact, and InvalidRequest for one that a server lacks."""
    if endpoint:
        written = name if "/" in name else name.replace(" ", "-")  # Servers know `sd-1.5` as well as `sd 1.5`.
        return Endpoint(endpoint).describe(written, revision)
    return _describe_local(name, revision)


def _describe_local(name: str, revision: str) -> Description:
    """Describe an artifact of the local registry."""
    from hub.cards.card import FILE
    from hub.local import LocalHub
    from hub.publish.composition import find_artifact
    from hub.registry.parts import origin_of
    from hub.store.read_whole import read_whole

    with LocalHub.open() as hub:
        artifact = find_artifact(hub.registry, name)
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
            stand_ins=hub.registry.stand_ins(artifact.name.name) if artifact.kind in MODULES else (),
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


def _print_scores(artifact: Artifact, show_all: bool) -> None:
    if not artifact.scores:
        print("No scores.")
        return
    # The claims of one artifact may be ordered by value, as those of curated cards are. Stable: the card's order.
    ranked = sorted(artifact.scores, key=lambda score: ranking(score, artifact.languages, CURATED_OWNER))
    kept = artifact.scores if show_all else ranked[:MAX_SCORES]
    rows = [
        (
            score.metric,
            format_value(score),
            "/".join(filter(None, (score.benchmark, score.split, score.language))),
            f"{score.sample_size or '–'}",
            score.provenance.value,
            _source(score),
        )
        for score in kept
    ]
    headings = ("METRIC", "VALUE [95 %]", "BENCHMARK", "N", "PROVENANCE", "SOURCE")
    print_table(headings, rows, drop=("SOURCE", "N", "PROVENANCE"), cut=("SOURCE",))
    _print_rest(len(artifact.scores) - len(kept), "--scores")


def _source(score: Score) -> str:
    return f"{score.source}; disputed: {score.reason}" if score.reason else score.source


def _print_files(revision: Revision, show_all: bool) -> None:
    kept = revision.files if show_all else revision.files[:MAX_FILES]
    rows = [(file.path, size(file.size_bytes), file.digest.hex[:HEX]) for file in kept]
    print_table(("PATH", "SIZE", "SHA-256"), rows, drop=("SHA-256",))
    _print_rest(len(revision.files) - len(kept), "--files")


def _print_revisions(revisions: tuple[Revision, ...], show_all: bool) -> None:
    kept = revisions if show_all else revisions[:MAX_REVISIONS]
    rows = [
        (
            str(revision.number),
            revision.id[:HEX],
            f"{revision.created_at:%Y-%m-%d %H:%M}" if revision.created_at else "–",
            "yanked" if revision.yanked else "",
            revision.message,
        )
        for revision in kept
    ]
    print_table(("NUMBER", "ID", "CREATED", "STATE", "MESSAGE"), rows, cut=("MESSAGE",))
    _print_rest(len(revisions) - len(kept), "--revisions")


def _print_rest(number: int, option: str) -> None:
    if number:
        print(f"{number:,} more. Show all with `{option}`.")


def _print_usage(artifact: Artifact, endpoint: str) -> None:
    name = short_name(artifact.name)
    pull = _command("pull", artifact, endpoint)
    if endpoint:
        print(f"{pull}    # download it first; or set HF_ENDPOINT={endpoint} for other programs")
    elif not artifact.weights_digest and artifact.upstream and artifact.kind != "base":
        print(f"{pull}    # download and convert its upstream weights first")
    if artifact.kind == "base":
        print(f'from hub import load_pipeline\npipe = load_pipeline("{name}")')
    elif artifact.kind in {"adapter", "projector", "encoder", "delta"} and artifact.bases:
        print(f'from hub import load_pipeline\npipe = load_pipeline("{artifact.bases[0]}", adapter="{name}")')
    elif not endpoint:
        print(pull)


def _command(command: str, artifact: Artifact, endpoint: str) -> str:
    """Return a command about an artifact that can be copied, with the server that has it."""
    return f"hub {command} {short_name(artifact.name)}{on(endpoint)}"


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
