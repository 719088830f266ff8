"""The plots of the report: SVG files that are readable without colour, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from trainers.evaluation.confidence import Interval
from trainers.lab.study.experiments import CURVE
from trainers.lab.study.plan import WIDE
from trainers.lab.study.report.languages import LEVELS, level_of
from trainers.lab.study.report.measured import Measured, spoken
from trainers.lab.study.subjects import ENGLISH, GROUPS, Subject

MARKERS = {"baseline": "D", "published": "o", "recipe": "s", "bundled": "^", "experiment": "v"}
FILLS = {"baseline": "white", "published": "0.35", "recipe": "0.75", "bundled": "black", "experiment": "white"}
STYLE: Any = {
    "svg.hashsalt": "study",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
}
SECONDS = (3, 10, 30, 100, 300, 1000, 3000)
LEAST_LANGUAGES = 3


def pareto(measured: Measured, subjects: Sequence[Subject], path: Path) -> bool:
    """Plot quality against the processor time of training, with the front of subjects that none beats in both."""
    points: list[tuple[Subject, float, Interval, Interval]] = []
    for subject in subjects:
        seconds = measured.cpu_seconds(subject)
        seen, held_out = (measured.share(subject.name, spoken(subject), split) for split in ("seen", "pairs"))
        if seconds and seen and held_out:
            points.append((subject, seconds, seen, held_out))
    if len(points) < 2:
        return False
    with _figure(path, 10, 4.6) as figure:
        for place, title in enumerate(("seen names", "held-out names")):
            axes = figure.add_subplot(1, 2, place + 1)
            for subject, seconds, *qualities in points:
                _point(axes, seconds, qualities[place], subject)
                axes.annotate(
                    subject.name, (seconds, qualities[place].value), (4, 4), textcoords="offset points", fontsize=7
                )
            front = pareto_front([(seconds, qualities[place].value) for _, seconds, *qualities in points])
            axes.plot(*zip(*front, strict=True), color="0.6", linewidth=1, drawstyle="steps-post", zorder=0)
            axes.set(
                xscale="log",
                title=title,
                xlabel="processor seconds of training",
                ylabel="R@1, mean of the headline languages",
            )
            axes.set_ylim(bottom=0)
            least, most = min(seconds for _, seconds, *_ in points), max(seconds for _, seconds, *_ in points)
            axes.set_xlim(least / 1.3, most * 2.2)  # Room for names on the right.
            axes.xaxis.set_major_locator(FixedLocator(SECONDS))
            axes.xaxis.set_major_formatter("{x:,.0f}")
            axes.xaxis.set_minor_locator(NullLocator())
        _legend(figure, {subject.group for subject, *_ in points})
    return True


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points (cost, quality) that no cheaper point reaches, by rising cost."""
    front: list[tuple[float, float]] = []
    for cost, quality in sorted(points, key=lambda each: (each[0], -each[1])):
        if not front or quality > front[-1][1]:
            front.append((cost, quality))
    return front


def splits(measured: Measured, subjects: Sequence[Subject], path: Path) -> bool:
    """Plot R@1 of seen names, held-out names and combinations of each subject."""
    rows = [each for each in subjects if measured.share(each.name, spoken(each), "seen")]
    if not rows:
        return False
    with _figure(path, 8, 0.6 + 0.32 * len(rows)) as figure:
        axes = figure.add_subplot()
        for split, marker, fill, shift in (
            ("seen", "o", "black", 0.2),
            ("pairs", "s", "white", 0.0),
            ("combinations", "^", "0.6", -0.2),
        ):
            for place, subject in enumerate(reversed(rows)):
                found = measured.share(subject.name, spoken(subject), split)
                if found:
                    bars = [[found.value - found.low], [found.high - found.value]]
                    label = (
                        {"seen": "seen", "pairs": "held out", "combinations": "combinations"}[split]
                        if place == len(rows) - 1
                        else None
                    )
                    axes.errorbar(found.value, place + shift, xerr=bars, marker=marker, color="black", markerfacecolor=fill,
                                  markersize=5, linewidth=0.8, linestyle="none", label=label)  # fmt: skip
        axes.set_yticks(range(len(rows)), [f"{each.label} ({GROUPS[each.group]})" for each in reversed(rows)])
        axes.set(xlabel="R@1, mean of the headline languages", xlim=(-0.02, 1.02))
        axes.grid(axis="x", color="0.9")
        axes.legend(loc="lower right", frameon=False)
    return True


def parity_map(measured: Measured, subjects: Sequence[Subject], splits_of: dict[str, str], path: Path) -> bool:
    """Plot parity of every language and method on names that no module was trained on, grouped by the languages' data."""
    methods = [each for each in subjects if each.name in WIDE and each.name != ENGLISH]
    found = {
        (each.name, tag): parity
        for each in methods
        for tag, split in splits_of.items()
        if (parity := measured.parity(each.name, [tag], split)) is not None
    }
    tags = [tag for tag in splits_of if any((each.name, tag) in found for each in methods)]
    if len(tags) < LEAST_LANGUAGES:
        return False
    ordered = {
        level: sorted(
            (tag for tag in tags if level_of(tag) == level),
            key=lambda tag: (
                -max((found[each.name, tag].value for each in methods if (each.name, tag) in found), default=0.0)
            ),
        )
        for level in LEVELS
    }
    shown = [(level, some) for level, some in ordered.items() if some]
    with _figure(path, 11, 2.3 * len(shown)) as figure:
        for place, (level, some) in enumerate(shown):
            axes = figure.add_subplot(len(shown), 1, place + 1)
            for subject in methods:
                values = [found.get((subject.name, tag)) for tag in some]
                known = [(x, value) for x, value in enumerate(values) if value is not None]
                if known:
                    bars = [
                        [value.value - value.low for _, value in known],
                        [value.high - value.value for _, value in known],
                    ]
                    axes.errorbar([x for x, _ in known], [value.value for _, value in known], yerr=bars, linestyle="none",
                                  marker=_marker(methods, subject), color="0.3", markerfacecolor=_fill(methods, subject), markersize=4.5,
                                  linewidth=0.5, label=subject.label)  # fmt: skip
            axes.set_xticks(range(len(some)), some, rotation=90, fontsize=7)
            axes.set(ylabel="parity", title=f"resources: {level}", xlim=(-1, max(len(each) for _, each in shown)))
            axes.set_ylim(bottom=-0.03)
            axes.grid(axis="y", color="0.92")
            if place == 0:
                axes.legend(loc="upper right", frameon=False, fontsize=7, ncol=len(methods))
    return True


def learning_curve(measured: Measured, path: Path) -> bool:
    """Plot a memory's R@1 of held-out Yoruba names by the number of names that it was trained on."""
    known = [(pairs, found) for pairs in CURVE if (found := measured.share(f"memory-yo-{pairs}", ["yo"], "pairs"))]
    if len(known) < 2:
        return False
    with _figure(path, 6, 3.4) as figure:
        axes = figure.add_subplot()
        values = [found.value for _, found in known]
        bars = [[found.value - found.low for _, found in known], [found.high - found.value for _, found in known]]
        axes.errorbar(
            [pairs for pairs, _ in known], values, yerr=bars, marker="o", color="black", label="this many names"
        )
        for name, label, style in (
            ("memory-four", "none, four other languages", ":"),
            ("memory-yo-all", "all names and keywords", "--"),
        ):
            if line := measured.share(name, ["yo"], "pairs"):
                axes.axhline(line.value, color="0.4", linestyle=style, label=label)
        axes.set(xscale="log", xlabel="Yoruba names in training", ylabel="R@1 of held-out names")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=8)
    return True


def _point(axes: Any, x: float, found: Interval, subject: Subject) -> None:
    bars = [[found.value - found.low], [found.high - found.value]]
    axes.errorbar(x, found.value, yerr=bars, marker=MARKERS[subject.group], markerfacecolor=FILLS[subject.group], color="black",
                  markersize=6, linewidth=0.8)  # fmt: skip


def _legend(figure: Figure, groups: set[str]) -> None:
    shown = [each for each in GROUPS if each in groups]
    marks = [
        mpl.lines.Line2D([], [], marker=MARKERS[each], markerfacecolor=FILLS[each], color="black", linestyle="none")
        for each in shown
    ]
    figure.legend(marks, [GROUPS[each] for each in shown], loc="outside lower center", ncol=len(shown), frameon=False)


def _marker(methods: Sequence[Subject], subject: Subject) -> str:
    return "xosD^v"[[each.name for each in methods].index(subject.name)]


def _fill(methods: Sequence[Subject], subject: Subject) -> str:
    return ("white", "white", "black", "0.7", "0.5", "0.3")[[each.name for each in methods].index(subject.name)]


@contextmanager
def _figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of a size in inches, and save it as SVG; equal plots make equal files."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
