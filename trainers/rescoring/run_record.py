"""Read the command that a score was measured with from its run record. Torch is not imported here.

A run record is text in a card, which its owner can change: it is compared with the score itself, and only `hub
rescore`, which is run by a person, uses its data and judges.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from hub.names import COMMIT_DIGITS
from hub.records import Score

_VALUED = {
    "--benchmark", "--split", "--lang", "--n", "--seed", "--base", "--data", "--judge", "--metric", "--steps", "--guidance", "--corpus",
    "--image-column", "--caption-column", "--held-out-share", "--price-per-hour", "--translator",
}  # fmt: skip
_FLAGS = {"--force"}
_REVISION = re.compile(rf"([0-9a-f]{{12,{COMMIT_DIGITS}}}|unpublished)(;|$)")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The options of a command, and what is wrong with the record."""

    options: tuple[tuple[str, str], ...] = ()
    """Names and values in their order; a flag has an empty value."""
    revision: str = ""
    """First digits of the revision that was measured; empty if it was not published."""
    problem: str = ""
    """Why the record cannot be that of the score; empty if it can."""

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of an option."""
        return tuple(value for each, value in self.options if each == name)

    def get(self, name: str) -> str:
        """Return the value of an option; empty if it was not given."""
        return next(iter(self.all(name)), "")

    @property
    def measurement(self) -> tuple[tuple[str, str], ...]:
        """Options that are not those of the question: where the data are, who judges, and with which settings."""
        questions = {"--benchmark", "--split", "--lang", "--n", "--seed", "--base"}
        return tuple((name, value) for name, value in self.options if name not in questions)


def read_record(score: Score) -> RunRecord:
    """Return the run record of a score. A record without a command, or with one that contradicts the score, has a `problem`."""
    command, found, rest = score.source.partition("; revision ")
    try:
        words = shlex.split(command)
    except ValueError as error:
        return RunRecord(problem=f"its command cannot be read ({str(error)[0].lower()}{str(error)[1:]})")
    if words[:2] != ["hub", "evaluate"] or not found:
        return RunRecord(problem="it does not begin with `hub evaluate …; revision …`")
    revision = _REVISION.match(rest)
    try:
        options = tuple(_options(words[3:]))
    except ValueError as error:
        return RunRecord(problem=str(error))
    record = RunRecord(options, revision[1].removeprefix("unpublished") if revision else "")
    problem = (
        _contradiction(record, score) if revision else f"it names no revision, but `{rest.partition(';')[0][:20]}`"
    )
    return RunRecord(record.options, record.revision, problem)


def _options(words: Sequence[str]) -> list[tuple[str, str]]:
    found, left = [], list(words)
    while left:
        name = left.pop(0)
        if name in _FLAGS:
            found.append((name, ""))
        elif name in _VALUED and left:
            found.append((name, left.pop(0)))
        else:
            raise ValueError(f"its command has `{name[:40]}`, which `hub evaluate` does not record")
    return found


def _contradiction(record: RunRecord, score: Score) -> str:
    """Return a contradiction between the command and the score, or an empty string."""
    wanted = {"--benchmark": score.benchmark, "--split": score.split, "--seed": str(score.seed or 0)}
    wanted |= {"--lang": score.language} if score.language else {}
    for name, value in wanted.items():
        if value not in record.all(name):
            return f"its command has `{name} {record.get(name) or '(nothing)'}`, and the score `{value or '(nothing)'}`"
    count = record.get("--n")
    if not count.isdecimal():
        return f"its command has `--n {count or '(nothing)'}`"
    for name, read in (("--steps", int), ("--guidance", float), ("--held-out-share", float)):
        for value in record.all(name):
            try:
                read(value)
            except ValueError:
                return f"its command has `{name} {value[:20]}`"
    return ""
