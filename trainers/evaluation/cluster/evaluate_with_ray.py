"""Evaluate on a Ray cluster: what is missing is computed by workers, then the scores are computed from the results.

A worker opens the data and the models once, and computes the prompts, captions and images that it is given, with the functions that
`hub evaluate` uses. All machines need this package, the data of the benchmark and the same HUB_HOME, on a shared disk: the results are
in its caches. Ray is imported only by `trainers.inputs.ray_job`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.errors import Conflict, Unreachable
from hub.home import Home
from hub.local import LocalHub
from hub.records import Artifact, Score
from trainers.evaluation.evaluate import PreparedEvaluation, prepare_evaluation
from trainers.evaluation.evaluator import EvaluationSubject
from trainers.evaluation.results.result_log import ResultLogs
from trainers.evaluation.results.work import Work, batches_of, compute_batch
from trainers.evaluation.subjects import open_subject
from trainers.inputs.ray_job import cluster

ROWS = 64
"""Most prompts, captions or images in a row of the job, which a worker computes at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEvaluation:
    """An evaluation that a worker opens. Ray pickles it."""

    home: Home
    artifact: str
    """`owner/name`."""
    revision: str
    base: str
    device: str | None
    wanted: Mapping[str, Any]
    """Further arguments of `prepare_evaluation`."""


class ResultWorker:
    """Opens the data and the models once, and computes results that are missing."""

    def __init__(self, request: RemoteEvaluation) -> None:
        self._hub = LocalHub.open(request.home)
        artifact = self._hub.registry.get(request.artifact)
        if artifact.revision != request.revision:
            raise Conflict(f"`{request.artifact}` has a new revision, {artifact.revision[:12]}: run the command again.")
        self.logs = ResultLogs(request.home.caches)
        self._prepared: PreparedEvaluation = prepare_evaluation(
            artifact, self._hub, base=request.base, **request.wanted
        )
        self._subject: EvaluationSubject = open_subject(artifact, request.base, self._hub, request.device)
        self._works: list[Work] = self._prepared.works(self._subject, self._hub, self.logs)

    def missing(self) -> list[dict[str, Any]]:
        """Return rows of what is missing. Only a worker knows: the device belongs to what results depend on."""
        return [
            {"work": number, "places": places}
            for number, work in enumerate(self._works)
            for places in batches_of(work.missing(), ROWS)
        ]

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Compute the results of a row, which are kept in the logs, and return the row."""
        work = self._works[int(row["work"])]
        places = [int(place) for place in row["places"]]
        for batch in batches_of(places, work.batch_size(self._subject)):
            compute_batch(work, self._subject, batch)
        return {"work": row["work"], "places": places}

    def scores(self) -> tuple[list[Score], list[str]]:
        """Return the scores and the folders of the logs. Raises `Unreachable` if results are not on this machine."""
        self.logs.read()
        if lost := sum(len(row["places"]) for row in self.missing()):
            raise Unreachable(
                f"{lost:,} results were computed on machines that do not share this one's folders: set HUB_HOME, and --keep if it is "
                "given, to folders on a shared disk."
            )
        scores = self._prepared.run(self._subject, self._hub, self.logs, quiet=True)
        return scores, [str(folder) for folder in self.logs.folders]


def evaluate_with_ray(
    artifact: Artifact,
    hub: LocalHub,
    *,
    base: str,
    device: str | None,
    quiet: bool,
    logs: ResultLogs,
    **wanted: Any,
) -> list[Score]:
    """Measure an artifact on a cluster. The arguments are those of `evaluate_artifact`; an interrupted job continues, too.

    Uses the cluster of RAY_ADDRESS, or this machine: its GPUs, unless it has none or `device` is `cpu`.

    Raises `MissingExtra`, `InvalidRequest` for benchmarks that cannot be divided, the errors of `evaluate_artifact`, and `Unreachable`
    if the job fails or its results are not on this machine.
    """
    prepare_evaluation(artifact, hub, base=base, **wanted).check_divided()
    request = RemoteEvaluation(
        home=hub.home, artifact=str(artifact.name), revision=artifact.revision, base=base, device=device, wanted=wanted
    )
    with (
        cluster("`hub evaluate --engine ray`", on_cpu=device == "cpu", quiet=quiet) as job,
        job.workers(ResultWorker, request) as workers,
    ):
        if missing := workers.call("missing"):
            workers.map(missing, quiet=quiet)
        scores, folders = workers.call("scores")
    logs.include(folders)
    return list(scores)
