"""Compute what is missing of a list of results, in batches that processes divide among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm.auto import tqdm

from trainers.evaluation.results.result_log import Result, ResultLog
from trainers.loop.distributed import gather, process_place


def _always(_: int) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Results that a benchmark needs of a subject, one for each key."""

    label: str
    """Description for the progress bar."""
    unit: str
    """`image`, or `text`."""
    keys: tuple[str, ...]
    """Key that identifies a result in its log. Equal keys have one result."""
    log: ResultLog
    compute: Callable[[Any, Sequence[int]], list[Result]]
    """Computes the results of keys by their places, with the models of an `EvaluationSubject`."""
    batch_size: Callable[[Any], int]
    """Results that are computed at a time."""
    is_kept: Callable[[int], bool] = _always
    """Whether what belongs to a known result, such as an image that is to be kept, is still there."""

    def missing(self) -> list[int]:
        """Return the places of keys without a result on this machine, the first of equal ones."""
        first = {key: place for place, key in reversed(list(enumerate(self.keys)))}
        return sorted(place for key, place in first.items() if key not in self.log.known or not self.is_kept(place))


def results_of(work: Work, subject: Any, *, quiet: bool) -> list[Result]:
    """Return the result of each key, in their order. What is missing is computed, batch by batch, and kept in the log.

    The processes of a distributed run divide the batches among them, each keeps its own, and all return all results. Batches are parts
    of the whole list, so a run that was stopped and continued computes the same batches as one that was not.
    """
    rank, processes = process_place()
    lacking = set(work.missing())
    for places in gather(lacking):
        lacking &= places  # Machines can have separate folders.
    with tqdm(
        total=len(work.keys), initial=len(work.keys) - len(lacking), desc=work.label, unit=work.unit,
        disable=quiet or rank != 0 or not lacking,
    ) as bar:  # fmt: skip
        for batch in batches_of(sorted(lacking), work.batch_size(subject) if lacking else 1, processes)[
            rank::processes
        ]:
            compute_batch(work, subject, batch)
            bar.update(min(len(batch) * processes, len(work.keys) - bar.n))
    if processes > 1:
        for theirs in gather({key: work.log.known[key] for key in set(work.keys) if key in work.log.known}):
            work.log.known |= theirs
    return [work.log.known[key] for key in work.keys]


def compute_batch(work: Work, subject: Any, places: Sequence[int]) -> None:
    """Compute the results of some keys, and keep them in the log."""
    found = work.compute(subject, places)
    work.log.append({work.keys[place]: result for place, result in zip(places, found, strict=True)})


def batches_of(places: Sequence[int], size: int, processes: int = 1) -> list[list[int]]:
    """Divide places, sorted, into batches of at most `size`; smaller ones if that occupies more processes.

    A batch has the places of one part of the whole list, of `size` each, whatever of it is missing.
    """
    parts: dict[int, list[int]] = {}
    for place in places:
        parts.setdefault(place // size, []).append(place)
    if len(parts) >= processes or not places:
        return list(parts.values())
    size = -(-len(places) // processes)
    return [list(places[first : first + size]) for first in range(0, len(places), size)]
