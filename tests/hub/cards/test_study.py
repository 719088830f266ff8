"""The curated cards contain the numbers of the study behind this project, cell by cell, and mark the disputed ones."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from statistics import mean

import pytest

from hub.cards import read_card
from hub.names import ArtifactName
from hub.records import Provenance, Score
from hub.scores.metrics import COSTS
from tests.builders import ROOT

TITLE = "Comparative Analysis of Cross-Lingual Approaches for Frozen Diffusion Models"
GRIDS = {
    "1": (3, ("GPU Hours", "Cost (USD)", "Dataset Size")), "2": (6, ("EN", "DE", "FR", "CS", "Avg")), "3": (4, ("EN", "JA", "ZH", "Avg")),
    "4": (3, ("FID ↓", "CLIP Score ↑", "Culture Score ↑", "Text Acc")), "5": (5, ("Cost", "Params", "Zero-shot Avg", "Cost per Point")),
    "6": (3, ("Image→Text (ms)", "Text→Image (ms)")),
}  # fmt: skip
"""Table of the paper → number of rows, columns."""
UNITS = {"k": 1e3, "B": 1e9, "M": 1e6}
SHARES = ("mean_recall", "text_accuracy", "trainable_share")
CARDS = sorted((ROOT / "cards").glob("*/*/README.md"))
with (ROOT / "docs" / "internals" / "study.csv").open(encoding="utf-8", newline="") as _file:
    CELLS = list(csv.DictReader(_file))


@pytest.fixture(scope="module")
def published() -> dict[str, tuple[Score, ...]]:
    """Map curated artifacts to the scores in their cards that others published."""
    names = {
        path.parent.name: path
        for path in CARDS
        if "provenance: reported" in (text := path.read_text()) or "disputed" in text
    }
    read = {name: read_card(path.parent, ArtifactName("linguahub", name)) for name, path in names.items()}
    return {
        name: tuple(score for score in card.scores if score.provenance is not Provenance.SELF_REPORTED)
        for name, card in read.items()
    }


def is_about(score: Score, cell: dict[str, str]) -> bool:
    where = f"Table {cell['table']}" if cell["table"] in GRIDS else f"section {cell['table']}"
    return score.source.startswith(f"{where}, row {cell['row']}, column {cell['column']}: {cell['printed']}; {TITLE}")


def printed_number(cell: dict[str, str]) -> float:
    """Return the number in a cell, as its metric counts."""
    found = re.search(r"([\d.,]+)(?:(k|B|M)\b)?", cell["printed"])
    assert found, cell
    value = float(found[1].replace(",", "")) * UNITS.get(found[2], 1.0)
    if cell["printed"] == "~1 week":
        value *= 7 * 24
    return value / 100 if cell["metric"].startswith(SHARES) else value


def test_every_cell_of_the_tables_is_listed_once():
    assert Counter((cell["table"], cell["row"], cell["column"]) for cell in CELLS).most_common(1)[0][1] == 1
    for table, (height, columns) in GRIDS.items():
        rows = defaultdict(list)
        for cell in CELLS:
            if cell["table"] == table:
                rows[cell["row"]].append(cell["column"])
        assert len(rows) == height
        assert all(tuple(row) == columns for row in rows.values())


def test_a_cell_without_a_score_has_a_reason():
    without = [cell for cell in CELLS if not cell["card"]]
    assert all(cell["reason"] for cell in without)
    tables = {cell["printed"] for cell in without if cell["table"] in GRIDS}
    assert tables == {"Poor", "-", "adapter"}, "in the tables, only what has no number"


def test_every_other_cell_is_a_score_of_its_card_with_the_printed_value(published):
    for cell in CELLS:
        if not cell["card"]:
            continue
        (score,) = [each for each in published[cell["card"]] if is_about(each, cell)]
        assert score.value == float(cell["value"]) == pytest.approx(printed_number(cell))
        for field in ("metric", "benchmark", "language", "unit", "better"):
            assert getattr(score, field) == cell[field], cell


def test_a_doubted_cell_is_disputed_with_the_verdict_and_the_reason(published):
    for cell in CELLS:
        assert cell["verdict"] in {"reported", "contradicted", "untraceable"}
        for score in published.get(cell["card"], ()):
            if is_about(score, cell):
                is_doubted = cell["verdict"] != "reported"
                assert score.provenance is (Provenance.DISPUTED if is_doubted else Provenance.REPORTED)
                assert score.reason == (f"{cell['verdict']}: {cell['reason']}" if is_doubted else "")


def test_the_cards_quote_the_study_only_for_its_cells(published):
    quoted = sorted(score.source for scores in published.values() for score in scores if TITLE in score.source)
    assert len(quoted) == sum(bool(cell["card"]) for cell in CELLS)
    assert len(set(quoted)) == len(quoted)


def test_the_averages_and_ratios_of_the_tables_follow_from_their_cells():
    rows = defaultdict(dict)
    for cell in CELLS:
        if cell["card"]:
            rows[cell["table"], cell["row"]][cell["column"]] = float(cell["value"])
    for (table, _), row in rows.items():
        if table in {"2", "3"} and "Avg" in row:
            assert row["Avg"] == pytest.approx(mean(row[each] for each in row if each != "Avg"), abs=6e-4)
        elif table == "5":
            assert row["Cost per Point"] == pytest.approx(row["Cost"] / row["Zero-shot Avg"] / 100, rel=2e-3)
    plus = [rows[table, "mCLIP+"] for table in ("2", "3")]
    languages = [value for row in plus for name, value in row.items() if name != "Avg"]
    assert rows["5", "mCLIP+"]["Zero-shot Avg"] == pytest.approx(mean(languages), abs=5e-4)
    latency = {name: rows["6", name]["Text→Image (ms)"] for name in ("mCLIP", "CLIP + Translate")}
    assert latency["CLIP + Translate"] / latency["mCLIP"] == pytest.approx(25, abs=1)


def test_mclips_own_protocol_and_the_standard_one_are_different_benchmarks(published):
    for name, scores in published.items():
        recalls = {
            score.benchmark
            for score in scores
            if score.metric.startswith("mean_recall") and score.benchmark != "study-zero-shot-average"
        }
        is_mclip = name in {"mclip-base", "mclip-plus-base"}
        assert all(benchmark.endswith("-mclip") is is_mclip for benchmark in recalls), name


def test_published_scores_of_one_metric_of_a_benchmark_have_one_direction_and_quality_has_one_unit(published):
    scales = defaultdict(set)
    for scores in published.values():
        for score in scores:
            scales[score.benchmark, score.metric].add(
                (score.better, "" if score.metric.startswith(COSTS) else score.unit)
            )
    assert {key: found for key, found in scales.items() if len(found) > 1} == {}
