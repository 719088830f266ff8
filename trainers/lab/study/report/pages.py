"""The pages of the report, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from trainers.lab.study.experiments import GROUPED
from trainers.lab.study.plan import WIDE, Settings
from trainers.lab.study.report import tables
from trainers.lab.study.report.claims import CLAIMS
from trainers.lab.study.report.languages import LEVELS, OTHER_SCRIPTS, SCRIPTS, level_of, script_name
from trainers.lab.study.report.measured import Measured, number
from trainers.lab.study.report.prose import (
    CLAIMS_NOTE,
    COST,
    COSTS_AND_QUALITY,
    FOOT,
    HEAD,
    IMAGES,
    LANGUAGES_NOTE,
    LATENCY,
    PAPER,
    QUALITY,
    QUESTIONS_HEAD,
    RETRIEVAL,
    TEXT_LEVEL,
)
from trainers.lab.study.report.questions import sections
from trainers.lab.study.subjects import ENGLISH, FIVE, RETRIEVERS, Subject


@dataclass(frozen=True, slots=True)
class Page:
    """The inputs of the pages."""

    measured: Measured
    rows: Sequence[Subject]
    """The subjects of the main tables."""
    everyone: Sequence[Subject]
    settings: Settings
    splits: dict[str, str]
    """The split of every language that no module was trained on."""
    scripts: dict[str, str]
    files: Sequence[str]
    """Plots and sheets that were written."""

    def figure(self, name: str, text: str) -> str:
        """Return the Markdown of a figure, or an empty string if it was not written."""
        return f"\n![{text}]({name})\n" if name in self.files else ""


def index_page(page: Page, state: str) -> str:
    """Return the main page."""
    measured, rows, settings = page.measured, page.rows, page.settings
    parts = [
        HEAD.format(
            state=state,
            five=" ".join(FIVE),
            headline=settings.headline,
            seeds=len(settings.seeds),
            others=settings.others,
            updates=settings.updates,
            steps=settings.steps,
        ),
        "## Quality\n",
        tables.main_table(measured, rows),
        QUALITY,
        page.figure("splits.svg", "R@1 of seen names, held-out names and combinations, by subject"),
        "### Held-out names by language\n",
        tables.by_language(measured, rows, "pairs"),
        "\n### Seen names by language\n",
        tables.by_language(measured, rows, "seen"),
        "\n## The paper's tables, and ours\n",
        PAPER,
        "### Table 1: training costs\n",
        tables.printed_table("1"),
        "",
        tables.cost_table(measured, [each for each in page.everyone if each.group != "experiment"]),
        COST,
        *_retrieval_parts(page),
        "### Table 4: quality of images\n",
        tables.printed_table("4"),
        "",
        tables.image_table(measured, rows),
        IMAGES,
        "### Table 5: cost and quality\n",
        tables.printed_table("5"),
        "",
        tables.efficiency_table(measured, rows),
        COSTS_AND_QUALITY,
        page.figure("pareto.svg", "R@1 against the processor seconds of training, with the Pareto front"),
        "### Table 6: latency\n",
        tables.printed_table("6"),
        "",
        tables.latency_table(measured, page.everyone),
        LATENCY,
        "## The paper's claims\n",
        claims_table(measured),
        CLAIMS_NOTE,
        "## Every language\n",
        parity_tables(page),
        page.figure("parity.svg", "Parity by language and method, grouped by the languages' resources"),
        LANGUAGES_NOTE,
        "### At text level\n",
        text_table(page),
        TEXT_LEVEL,
        "## The same prompts and noise\n",
        *(page.figure(name, f"Contact sheet {name}") for name in page.files if name.startswith("sheet-")),
        FOOT,
    ]
    return joined(parts)


def _retrieval_parts(page: Page) -> list[str]:
    parts = []
    for number_of_table, languages in tables.TABLES_2_AND_3.items():
        parts += [f"### Table {number_of_table}: retrieval\n", tables.printed_table(number_of_table), ""]
        for split, label in (
            ("seen", "Seen names"),
            ("pairs", "Names that are held out in their language; English names are all seen"),
        ):
            parts += [f"{label}:\n", tables.retrieval_table(page.measured, RETRIEVERS, languages, split), ""]
    return [*parts, RETRIEVAL]


def claims_table(measured: Measured) -> str:
    """Return each claim of the paper with its verdict and the reason."""
    return tables.table(
        ("claim", "where", "verdict", "why"),
        (
            [each.text, each.source, f"**{verdict}**", reason]
            for each in CLAIMS
            for verdict, reason in [each.check(measured)]
        ),
    )


def parity_tables(page: Page) -> str:
    """Return the mean parity over languages, by resources and by script, for each subject with images in every language."""
    subjects = [each for each in page.rows if each.name in WIDE and each.name != ENGLISH]
    groups = [(f"resources: {level}", [tag for tag in page.splits if level_of(tag) == level]) for level in LEVELS]
    scripts = list(dict.fromkeys([*SCRIPTS.values(), OTHER_SCRIPTS]))
    groups += [
        (f"script: {name}", [tag for tag in page.splits if script_name(page.scripts[tag]) == name]) for name in scripts
    ]
    groups.append(("all", list(page.splits)))
    rows = []
    for label, tags in groups:
        cells = []
        for subject in subjects:
            found = [
                parity.value for tag in tags if (parity := page.measured.parity(subject.name, [tag], page.splits[tag]))
            ]
            cells.append(
                f"{number(mean(found))} ({number(min(found))}–{number(max(found))}, {len(found)} of {len(tags)})"
                if found
                else "–"
            )
        rows.append([label, *cells])
    return tables.table(("mean parity (lowest–highest, languages measured)", *(each.label for each in subjects)), rows)


def text_table(page: Page) -> str:
    """Return the mean recall at text level over languages, by resources, for all subjects that were measured so."""
    groups = {level: [tag for tag in page.splits if level_of(tag) == level] for level in LEVELS}
    groups["held out as a whole"] = [tag for tag, split in page.splits.items() if split == "languages"]
    groups["all"] = list(page.splits)

    def row(subject: Subject) -> Sequence[object] | None:
        cells = []
        for tags in groups.values():
            pairs = [
                [page.measured.recall("text", subject.name, tag, page.splits[tag], f"recall_at_{k}") for k in (1, 10)]
                for tag in tags
            ]
            known = [(first.value, tenth.value) for first, tenth in pairs if first and tenth]
            some = "" if len(known) == len(tags) else f" ({len(known)} of {len(tags)})"
            means = " / ".join(number(mean(values)) for values in zip(*known, strict=True))
            cells.append(f"{means}{some}" if known else "–")
        return cells if any(cell != "–" for cell in cells) else None

    return tables.table(("recall@1 / @10", *groups), tables.grouped(page.rows, row))


def questions_page(page: Page) -> str:
    """Return the page of the open questions."""
    parts = [QUESTIONS_HEAD]
    for title, text in sections(page.measured, [each for each in page.everyone if each.name in GROUPED]):
        parts += [f"## {title}\n", text, ""]
        if title.startswith("Low-resource"):
            parts.append(page.figure("curve.svg", "R@1 of held-out Yoruba names by the number of names in training"))
    return joined(parts)


def joined(parts: Sequence[str]) -> str:
    """Return the parts of a page, with one empty line where there are several."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"
