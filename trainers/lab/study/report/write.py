"""Write the report of a work folder: pages, plots, contact sheets, and one file with every measured cell."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from trainers import defaults
from trainers.corpora import open_corpus
from trainers.corpora.corpus import Corpus
from trainers.evaluation.confidence import wilson
from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES
from trainers.lab.study.cells import Result, WorkFolder
from trainers.lab.study.plan import SHEETS, Planned, Settings, all_subjects, make_plan, split_in
from trainers.lab.study.report import plots
from trainers.lab.study.report.measured import Measured
from trainers.lab.study.report.pages import Page, index_page, questions_page
from trainers.lab.study.report.sheets import write_sheet
from trainers.lab.study.subjects import BASELINES, BUNDLED, OURS, PUBLISHED

CELLS = "cells.csv"
COLUMNS = (
    *("kind", "subject", "language", "split", "seed", "variant", "n"),
    *("at_1", "at_1_low", "at_1_high", "at_10", "cosine", "read", "seconds", "other"),
)


def write_report(work: WorkFolder, out: Path) -> list[Path]:
    """Write the report of the cells in `work` to the folder `out`, and return the files. A part of the cells makes a report of that part.

    Raises `InvalidRequest` for a folder without a study, `DamagedFile` for a broken cell.
    """
    settings = Settings.from_json({key: value for key, value in work.settings().items() if key != "corpus"})
    corpus = open_corpus(defaults.CORPUS)
    plan = make_plan(settings, corpus.languages, HELD_OUT_LANGUAGES)
    planned = {each.cell.key for each in plan}
    results = [each for each in work.results() if each.cell.key in planned]
    measured, known = Measured(results), all_subjects()
    rows = [*BASELINES, *PUBLISHED, *OURS, *BUNDLED]
    splits = {tag: split_in(tag, HELD_OUT_LANGUAGES) for tag in corpus.languages if tag != "en"}
    out.mkdir(parents=True, exist_ok=True)
    drawn = {
        "splits.svg": plots.splits(measured, rows, out / "splits.svg"),
        "pareto.svg": plots.pareto(measured, rows, out / "pareto.svg"),
        "parity.svg": plots.parity_map(measured, rows, splits, out / "parity.svg"),
        "curve.svg": plots.learning_curve(measured, out / "curve.svg"),
    }
    for tag in SHEETS:
        drawn[f"sheet-{tag}.webp"] = write_sheet(work, measured, rows, tag, corpus, out / f"sheet-{tag}.webp")
    for name, is_there in drawn.items():
        if not is_there:
            (out / name).unlink(missing_ok=True)
    page = Page(
        measured,
        rows,
        list(known.values()),
        settings,
        splits,
        _scripts(corpus),
        [name for name, is_there in drawn.items() if is_there],
    )
    (out / "index.md").write_text(index_page(page, _missing(plan, results)), encoding="utf-8")
    (out / "questions.md").write_text(questions_page(page), encoding="utf-8")
    _write_cells(out / CELLS, results)
    return sorted(each for each in out.iterdir() if each.is_file())


def _scripts(corpus: Corpus) -> dict[str, str]:
    from trainers.corpora.emoji_dataset import World

    known = World().languages
    return {tag: known[tag]["script"] for tag in corpus.languages}


def _missing(plan: Sequence[Planned], results: Sequence[Result]) -> str:
    """Return a paragraph about the measured share of the plan, and the missing cells."""
    done = {each.cell.key for each in results}
    missing = [each.cell for each in plan if each.cell.key not in done]
    if not missing:
        return f"All {len(plan):,} cells are measured."
    kinds = ", ".join(f"{count:,} `{kind}`" for kind, count in Counter(cell.kind for cell in missing).most_common())
    known = all_subjects()
    waiting = [known[cell.subject] for cell in missing if cell.kind == "train"]
    untrained = [f"`{subject.name}`" for subject in waiting if subject.group != "experiment"]
    if others := len(waiting) - len(untrained):
        untrained.append(f"{others} modules of [experiments](questions.md)")
    text = f"**This report is partial: {len(plan) - len(missing):,} of {len(plan):,} cells are measured.** Missing: {kinds}."
    if untrained:
        text += f" Not trained yet: {', '.join(untrained)}."
    return f"{text} A row or value that is missing is left out or a dash. `hub study` measures the rest."


def _write_cells(path: Path, results: Sequence[Result]) -> None:
    """Write one row for each cell to a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(map(_cell_row, sorted(results, key=lambda each: each.cell.key)))


def _cell_row(result: Result) -> list[object]:
    cell, found = result.cell, result.found
    names = [cell.kind, cell.subject, cell.language, cell.split, cell.seed, cell.variant]
    if ranks := found.get("ranks"):
        first = wilson(sum(rank < 1 for rank in ranks), len(ranks))
        tenth, cosine = sum(rank < 10 for rank in ranks) / len(ranks), sum(found["cosines"]) / len(ranks)
        read = f"{sum(found['read']) / len(ranks):.3f}" if "read" in found else ""
        return [
            *names,
            len(ranks),
            *(f"{each:.3f}" for each in (first.value, first.low, first.high, tenth, cosine)),
            read,
            result.seconds,
            "",
        ]
    if first_found := found.get("recall_at_1") or found.get("text_to_image_recall_at_1"):
        value, low, high, count = first_found
        tenth = (found.get("recall_at_10") or found["text_to_image_recall_at_10"])[0]
        read = f"{sum(found['read']) / len(found['read']):.3f}" if found.get("read") else ""
        back = [
            f"image_to_text_recall_at_{k}={found[key][0]:.3f}"
            for k in (1, 5, 10)
            if (key := f"image_to_text_recall_at_{k}") in found
        ]
        return [
            *names,
            count,
            *(f"{each:.3f}" for each in (value, low, high, tenth)),
            "",
            read,
            result.seconds,
            " ".join(back),
        ]
    other = " ".join(f"{key}={value}" for key, value in found.items() if isinstance(value, int | float))
    return [*names, "", "", "", "", "", "", "", result.seconds, other]
