"""`hub study`: measure every method of the lab, cell by cell. Torch is imported only when the command runs."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainers.lab.study.plan import Planned, Settings

WORK, OUT, CARDS = Path("build/study"), Path("docs/study"), Path("cards")


def study(
    base: Annotated[str, typer.Option(help="Base of the lab to study.")] = "emoji-sd",
    work: Annotated[
        Path, typer.Option(help="Work folder: finished cells, trained modules. Several processes may share it.")
    ] = WORK,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = OUT,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Cells to measure, by a pattern such as 'draw/memory-*'; repeat for several. Cells that they need are added."
        ),
    ] = None,
    limit_minutes: Annotated[
        float, typer.Option(min=0, help="Start no cell that would end after this time (0 = no limit).")
    ] = 0,
    trial: Annotated[
        bool, typer.Option("--trial", help="A few prompts and training steps per cell: shows that everything runs.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the cells and their processor time.")] = False,
    report_only: Annotated[
        bool,
        typer.Option("--report-only", help="Only write the report, from the cells in the work folder."),
    ] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Only write the scores of the cells in the work folder into the cards.")
    ] = False,
    cards: Annotated[Path, typer.Option(help="Folder of the curated cards, for --publish.")] = CARDS,
    code: Annotated[
        str, typer.Option(help="Revision of the code that measured, for the run records of --publish.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run or resume the study: train all methods and baselines with the same data and steps, and measure them.

    Finished cells are skipped, so a stopped study continues where it was. It takes hours on two cores, with one process for each. The
    report is written when nothing is missing; --report-only writes it from the finished cells. --publish writes their scores into
    the curated cards, and a card without weights for each trained module.
    """
    from trainers.lab.study.plan import BASES, TRIAL, Settings

    if base not in BASES:
        raise InvalidRequest(f"`hub study` has no plan for `{base}`: choose {', '.join(BASES)}.")
    if publish:
        _publish(work, cards, code, as_json=as_json)
        return
    is_whole = not (only or trial or dry_run)
    if report_only or is_whole:
        _check_plots()
    if report_only:
        files = _write_report(work, out)
        typer.echo(json.dumps(files) if as_json else "\n".join(files))
        return
    settings = TRIAL if trial else Settings(base)
    plan = selected(_plan(settings), only or [])
    if dry_run:
        _print_plan(plan, work, as_json=as_json)
        return
    from hub.local import LocalHub
    from trainers.options import prepare_libraries

    prepare_libraries()
    from trainers import defaults
    from trainers.corpora import open_corpus
    from trainers.lab.study.cells import WorkFolder
    from trainers.lab.study.runner import Runner, tell_on_stderr

    folder = WorkFolder(work)
    folder.start(settings.as_json() | {"corpus": open_corpus(defaults.CORPUS).digest})
    with LocalHub.open() as hub:
        runner = Runner(folder, settings, hub)
        try:
            outcome = runner.run(plan, limit_s=60 * limit_minutes if limit_minutes else None, tell=tell_on_stderr)
        finally:
            runner.close()
    missing = sum(not folder.has(each.cell) for each in plan)
    taken = round(outcome.seconds, 1)
    summary: dict[str, Any] = {
        "cells": len(plan),
        "measured": outcome.measured,
        "missing": missing,
        "cpu_seconds": taken,
        "failed": outcome.failed,
    }
    if not missing and is_whole:
        summary["report"] = _write_report(work, out)
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
    else:
        typer.echo(
            f"{outcome.measured} cells measured in {outcome.seconds / 3600:.2f} CPU-hours; {missing} of {len(plan)} missing."
        )
        for key, error in outcome.failed.items():
            typer.echo(f"{key} failed: {error}", err=True)
    if outcome.failed:
        raise typer.Exit(1)


def _check_plots() -> None:
    """Raise `MissingExtra` without matplotlib."""
    from importlib.util import find_spec

    from hub.errors import MissingExtra

    if find_spec("matplotlib") is None:
        raise MissingExtra("lab", "plotting the study (matplotlib not installed)")


def _publish(work: Path, cards: Path, code: str, *, as_json: bool) -> None:
    """Write scores into cards, and print the number of each card's."""
    from trainers.lab.study.cells import WorkFolder
    from trainers.lab.study.publish.study_cards import publish_scores

    if not cards.is_dir():
        raise InvalidRequest(f"there are no cards in `{cards}`: pass their folder with --cards.")
    counts = {str(folder): count for folder, count in publish_scores(WorkFolder(work), cards, code).items()}
    if as_json:
        typer.echo(json.dumps(counts))
        return
    for folder, count in counts.items():
        typer.echo(f"{count:6,} scores  {folder}")
    typer.echo(f"{sum(counts.values()):6,} scores in {len(counts)} cards. Build the registry again with `hub index`.")


def _write_report(work: Path, out: Path) -> list[str]:
    """Write the report and return its files."""
    from trainers.lab.study.cells import WorkFolder
    from trainers.lab.study.report.write import write_report

    return [str(each) for each in write_report(WorkFolder(work), out)]


def selected(plan: Sequence[Planned], patterns: Sequence[str]) -> list[Planned]:
    """Return the cells whose keys match a pattern, and those that they need; all without patterns. Raises `InvalidRequest` if none do."""
    if not patterns:
        return list(plan)
    by_key = {each.cell.key: each for each in plan}
    wanted: set[str] = set()

    def add(key: str) -> None:
        if key not in wanted:
            wanted.add(key)
            for need in by_key[key].needs:
                add(need.key)

    for pattern in patterns:
        found = fnmatch.filter(by_key, pattern)
        if not found:
            raise InvalidRequest(
                f"no cell matches `{pattern}`; for example, {next(iter(by_key))}. List them with --dry-run --json."
            )
        for key in found:
            add(key)
    return [each for each in plan if each.cell.key in wanted]


def _plan(settings: Settings) -> list[Planned]:
    from trainers import defaults
    from trainers.corpora import open_corpus
    from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES
    from trainers.lab.study.plan import make_plan

    return make_plan(settings, open_corpus(defaults.CORPUS).languages, HELD_OUT_LANGUAGES)


def _print_plan(plan: Sequence[Planned], work: Path, *, as_json: bool) -> None:
    from trainers.lab.study.cells import WorkFolder

    folder = WorkFolder(work)
    done = [folder.has(each.cell) for each in plan]
    if as_json:
        rows = [
            {
                "key": each.cell.key,
                "seconds": round(each.seconds, 1),
                "done": is_done,
                "needs": [need.key for need in each.needs],
            }
            for each, is_done in zip(plan, done, strict=True)
        ]
        typer.echo(json.dumps(rows))
        return
    kinds = dict.fromkeys(each.cell.kind for each in plan)
    typer.echo(f"{'kind':10}{'cells':>8}{'done':>8}{'CPU-hours left':>16}")
    for kind in [*kinds, ""]:
        some = [(each, is_done) for each, is_done in zip(plan, done, strict=True) if kind in {"", each.cell.kind}]
        left = sum(each.seconds for each, is_done in some if not is_done) / 3600
        typer.echo(f"{kind or 'all':10}{len(some):>8}{sum(is_done for _, is_done in some):>8}{left:>16.2f}")
