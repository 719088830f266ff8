"""The tables of the report, in Markdown: ours beside those of the paper."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from trainers.lab.stage_options import CARDS
from trainers.lab.study.experiments import CULTURE
from trainers.lab.study.report.measured import Measured, number, show, spoken
from trainers.lab.study.subjects import BASE, ENGLISH, FIVE, GROUPS, REAL, Subject

PRINTED = Path("docs/internals/study.csv")
"""The cells of the paper's tables, with verdicts."""
PRICE_PER_CORE_HOUR = 0.05
TABLES_2_AND_3 = {"2": ("en", "de", "fr", "cs"), "3": ("en", "ja", "zh")}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(each) for each in row) + " |" for row in rows]
    return "\n".join(lines)


def grouped(subjects: Iterable[Subject], row: Callable[[Subject], Sequence[object] | None]) -> list[Sequence[object]]:
    """Return the rows of the subjects that are measured, with the group before the first of each."""
    found: list[Sequence[object]] = []
    group = ""
    for subject in subjects:
        cells = row(subject)
        if cells is None:
            continue
        label = f"**{GROUPS[subject.group]}**: " if subject.group != group else ""
        group = subject.group
        found.append([f"{label}{subject.label}", *cells])
    return found


def main_table(measured: Measured, subjects: Sequence[Subject]) -> str:
    """Return quality of all generating subjects: seen names, held-out names, combinations, parity and English drop."""

    def row(subject: Subject) -> Sequence[object] | None:
        tags = spoken(subject)
        seen = measured.share(subject.name, tags, "seen")
        if seen is None:
            return None
        languages = "" if tags == FIVE else f" ({' '.join(tags)})"
        return [
            show(seen) + languages,
            show(measured.share(subject.name, tags, "pairs")),
            show(measured.share(subject.name, tags, "pairs", rank=10)),
            show(measured.share(subject.name, tags, "combinations")),
            show(measured.parity(subject.name, tags, "pairs")) if subject.name not in {ENGLISH, REAL} else "–",
            show(measured.english_drop(subject.name)) if subject.group != "baseline" else "–",
            measured.seeds(subject.name, tags, "seen"),
        ]

    head = (
        "",
        "seen R@1",
        "held out R@1",
        "held out R@10",
        "combinations R@1",
        "parity, held out",
        "English R@1 lost",
        "seeds",
    )
    return table(head, grouped(subjects, row))


def by_language(measured: Measured, subjects: Sequence[Subject], split: str) -> str:
    """Return R@1 of each headline language."""

    def row(subject: Subject) -> Sequence[object] | None:
        cells = [show(measured.share(subject.name, [tag], split)) if tag in spoken(subject) else "" for tag in FIVE]
        return cells if any(cell not in {"–", ""} for cell in cells) else None

    return table(("", *FIVE), grouped(subjects, row))


def printed_rows(number_of_table: str) -> list[dict[str, str]]:
    """Return the paper's cells of a table."""
    with PRINTED.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["table"] == number_of_table]


def printed_table(number_of_table: str) -> str:
    """Return a table of the paper as printed; contradicted cells are marked with †, untraceable ones with ‡."""
    rows = printed_rows(number_of_table)
    columns = list(dict.fromkeys(row["column"] for row in rows))
    marks = {"contradicted": " †", "untraceable": " ‡"}
    by_row: dict[str, dict[str, str]] = {}
    for row in rows:
        by_row.setdefault(row["row"], {})[row["column"]] = row["printed"] + marks.get(row["verdict"], "")
    return table(
        ("reported", *columns),
        ([name, *(cells.get(column, "") for column in columns)] for name, cells in by_row.items()),
    )


def base_minutes() -> dict[str, float]:
    """Return the minutes of one core that the base's parts took to train, by part, from its card."""
    text = (CARDS / "bases" / "emoji-sd" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z, ]+) \| [\d,]+ × \d+ \| [\d.]+ \| (\d+) \|", text, flags=re.MULTILINE)
    return {part: float(minutes) for part, minutes in rows}


def cost_table(measured: Measured, subjects: Sequence[Subject]) -> str:
    """Return what each training cost, beside the base's own training."""
    minutes = base_minutes()
    total = 60 * sum(minutes.values())
    rows: list[Sequence[object]] = [
        [
            f"emoji-sd itself ({', '.join(minutes)}), from its card",
            f"{total:,.0f}",
            f"{total / 3600 * PRICE_PER_CORE_HOUR:.3f}",
            "100 %",
            "",
            "",
        ]
    ]
    for subject in subjects:
        seconds = measured.cpu_seconds(subject)
        if seconds is None or subject.training is None:
            continue
        found = measured.find("train", subject.name)[0].found
        steps = ", ".join(f"{name} {count:,}" for name, count in found["phases"].items())
        rows.append([
            f"{subject.label} ({GROUPS[subject.group]})", f"{seconds:,.0f}", f"{seconds / 3600 * PRICE_PER_CORE_HOUR:.4f}",
            f"{seconds / total:.1%}".replace("%", " %"), f"{found['parameters']:,}", steps,
        ])  # fmt: skip
    head = (
        "",
        "processor seconds",
        f"US$ at {PRICE_PER_CORE_HOUR} per core-hour",
        "of the base's",
        "trained parameters",
        "updates",
    )
    return table(head, rows)


def retrieval_table(measured: Measured, subjects: Sequence[Subject], languages: Sequence[str], split: str) -> str:
    """Return mean recall of texts and images, the mean of recall@1, 5 and 10 in both directions."""

    def row(subject: Subject) -> Sequence[object] | None:
        values = [measured.mean_recall(subject.name, tag, "seen" if tag == "en" else split) for tag in languages]
        if all(value is None for value in values):
            return None
        known = [value for value in values if value is not None]
        return [*map(number, values), number(sum(known) / len(known)) if len(known) == len(values) else "–"]

    return table(("measured", *languages, "mean"), grouped(subjects, row))


def image_table(measured: Measured, subjects: Sequence[Subject]) -> str:
    """Return our counterpart of Table 4: distance of distributions, similarity of image and text, things of a culture."""

    def row(subject: Subject) -> Sequence[object] | None:
        tags = spoken(subject)
        fid, floor = (measured.value("fid", subject.name, key, "", "seen") for key in ("fid", "floor"))
        clip = measured.mean_of(subject.name, tags, "seen", "cosines")
        culture = measured.share(subject.name, tags, CULTURE)
        if fid is None and clip is None:
            return None
        images = measured.value("fid", subject.name, "images", "", "seen")
        return [
            "–" if fid is None else f"{fid:.3f} (floor {floor:.3f}, n = {images})",
            show(clip),
            show(culture),
            "not testable",
        ]

    return table(
        ("measured", "FID of the judge", "cosine of image and meaning", "R@1 of cultural things", "text accuracy"),
        grouped(subjects, row),
    )


def efficiency_table(measured: Measured, subjects: Sequence[Subject]) -> str:
    """Return our counterpart of Table 5: cost, size, held-out quality, and cost per point above the base alone."""
    alone = measured.share(BASE, FIVE, "pairs")
    rows: list[Sequence[object]] = []
    for subject in subjects:
        seconds = measured.cpu_seconds(subject)
        quality = measured.share(subject.name, spoken(subject), "pairs")
        seen = measured.share(subject.name, spoken(subject), "seen")
        if seconds is None or quality is None or seen is None or alone is None or subject.training is None:
            continue
        found = measured.find("train", subject.name)[0].found
        points = [100 * (each - alone.value) for each in (quality.value, seen.value)]
        per_point = [f"{seconds / each:,.0f}" if each >= 1 else "no gain of a point" for each in points]
        rows.append([
            f"{subject.label} ({GROUPS[subject.group]})", f"{seconds:,.0f}", f"{found['parameters']:,}", f"{found['bytes'] / 2**20:.1f}",
            show(quality), show(seen), *per_point,
        ])  # fmt: skip
    head = (
        "measured",
        "processor seconds",
        "trained parameters",
        "MiB",
        "held out R@1",
        "seen R@1",
        "seconds per point, held out",
        "… seen",
    )
    return table(head, rows)


LATENCIES: Mapping[str, str] = {
    "text_to_embedding_ms": "text → embeddings",
    "text_to_image_8_steps_ms": "text → image, 8 steps",
    "text_to_image_20_steps_ms": "text → image, 20 steps",
    "text_to_image_retrieval_ms": "text → found image",
    "image_to_text_retrieval_ms": "image → found text",
}


def latency_table(measured: Measured, subjects: Sequence[Subject]) -> str:
    """Return milliseconds of one text or image."""

    def row(subject: Subject) -> Sequence[object] | None:
        found = measured.find("latency", subject.name)
        if not found:
            return None
        return [f"{found[0].found[key]:,.1f}" if key in found[0].found else "" for key in LATENCIES]

    return table(("measured, processor ms", *LATENCIES.values()), grouped(subjects, row))
