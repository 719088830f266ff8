"""Run workers on a Ray cluster, and compute the missing shards of caches there as one Ray Data job. Ray is imported only here.

A worker opens the frozen models once and computes the shards that it is given, with the functions that training uses. All machines
need this package and the same HUB_HOME, on a shared disk.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from hub.errors import HubError, MissingExtra, OutOfMemory, Unreachable
from trainers.inputs.features import FeatureDataset
from trainers.loop.precision import tf32

Shard = dict[str, Any]
"""A row of the job: `need`, the name of a feature, `cache`, the number of one of its caches, and `shard`, that of one of its shards."""
Opening = Callable[[], tuple[FeatureDataset, Sequence[str]]]
"""Opens the frozen models and the corpus in a worker, and returns the features and those that are needed. Ray pickles it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a request needs: the bytes of each feature, and the shards that are missing."""

    sizes: dict[str, int]
    missing: list[Shard]


class ShardWorker:
    """Opens the frozen models once, and computes shards of their caches."""

    def __init__(self, open_features: Opening) -> None:
        self._features, _ = open_features()

    def __call__(self, row: Shard) -> Shard:
        """Compute a shard, and return its row with the `path` of the file."""
        cache = self._features.caches(row["need"])[row["cache"]]
        with tf32(self._features.base.device):
            cache.fill_shard(row["shard"])
        return {**row, "path": str(cache.path(row["shard"]))}


def find_work(open_features: Opening) -> Work:
    """Return what is to be done, in a worker: the device decides the types, and so the keys, of some caches."""
    features, needs = open_features()
    missing = [
        {"need": need, "cache": number, "shard": shard}
        for need in needs
        for number, cache in enumerate(features.caches(need))
        for shard in cache.missing()
    ]
    return Work(features.sizes(needs), missing)


def fill_with_ray(open_features: Opening, *, on_cpu: bool, dry_run: bool, quiet: bool) -> dict[str, int]:
    """Compute the missing shards of the needed features, and return the bytes of each feature.

    Uses the cluster of RAY_ADDRESS, or this machine: its GPUs, unless it has none or `on_cpu` is set. An interrupted job continues
    with the missing shards.

    Raises `MissingExtra`, the errors of `open_features` and of the caches, and `Unreachable` if the job fails or a shard is not on
    this machine.
    """
    with cluster("`hub cache --engine ray`", on_cpu=on_cpu, quiet=quiet) as job:
        work: Work = job.call(find_work, open_features)
        if work.missing and not dry_run:
            _check_shared([Path(row["path"]) for row in job.map(work.missing, ShardWorker, open_features)])
        return work.sizes


def _check_shared(paths: list[Path]) -> None:
    """Check that the files of other machines are on this one. Raises `Unreachable`."""
    if lost := [path for path in paths if not path.is_file()]:
        raise Unreachable(
            f"{len(lost)} of {len(paths)} shards were computed on machines that do not share this one's caches: set HUB_HOME to a "
            "folder on a shared disk, or run `hub cache` on each machine."
        )


@dataclass(frozen=True, slots=True)
class RayJob:
    """A connection to a cluster, each of whose workers takes one device."""

    kind: str
    """`GPU` or `CPU`."""

    @property
    def each(self) -> dict[str, Any]:
        """What a worker takes."""
        return {"num_gpus": 1} if self.kind == "GPU" else {"num_cpus": 1}

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `function` returns in a worker."""
        import ray

        return ray.get(ray.remote(**self.each)(function).remote(*arguments))

    def map(self, rows: Sequence[dict[str, Any]], worker: type, *arguments: Any) -> list[dict[str, Any]]:
        """Create a `worker` with `arguments` on each device, and return what they return for the rows, in any order."""
        import ray
        import ray.data

        workers = min(len(rows), int(ray.cluster_resources()[self.kind]))
        done = ray.data.from_items(list(rows), override_num_blocks=len(rows)).map(
            worker, fn_constructor_args=arguments, compute=ray.data.ActorPoolStrategy(size=workers), **self.each
        )
        found: list[dict[str, Any]] = done.take_all()
        return found

    @contextmanager
    def workers(self, worker: type, *arguments: Any) -> Iterator[Workers]:
        """Yield workers that stay open from call to call, for a job that needs them before and after it maps rows."""
        import ray

        opened = Workers(self, worker, arguments)
        try:
            yield opened
        finally:
            for actor in opened.actors:  # At once: an error that was raised may keep references to them.
                ray.kill(actor)


class _Actor:
    """A worker in a process of its own. It is opened by the first call, so that the errors of opening it are those of a call."""

    def __init__(self, worker: type, arguments: tuple[Any, ...]) -> None:
        self._open: Callable[[], Any] = cache(partial(worker, *arguments))

    def has_device(self) -> None:
        """Return once the process has started, for which a device must be free."""

    def call(self, method: str, *given: Any) -> Any:
        """Return what a method of the worker returns."""
        return getattr(self._open(), method)(*given)


class Workers:
    """Workers of one class, each with a device, and opened once. The first one serves `call`; others start when rows are mapped."""

    def __init__(self, job: RayJob, worker: type, arguments: tuple[Any, ...]) -> None:
        self._job, self._worker, self._arguments = job, worker, arguments
        self.actors: list[Any] = []
        self._start()

    def call(self, method: str) -> Any:
        """Return what a method of the first worker returns."""
        import ray

        return ray.get(self.actors[0].call.remote(method))

    def map(self, rows: Sequence[dict[str, Any]], *, quiet: bool) -> None:
        """Call the workers with all rows, in any order. A row of a process that has died is computed again."""
        import ray
        from tqdm.auto import tqdm

        count = min(len(rows), int(ray.cluster_resources()[self._job.kind]))
        while len(self.actors) < count:
            self._start()
        running = {actor.has_device.remote(): (actor, False) for actor in self.actors}
        left, unfinished = iter(rows), len(rows)
        with tqdm(total=len(rows), unit="row", disable=quiet) as bar:
            while unfinished:  # Not until no call runs: other jobs may keep a device that a process waits for.
                [done], _ = ray.wait([*running])
                actor, is_row = running.pop(done)
                ray.get(done)  # It raises the error of a worker.
                unfinished -= is_row
                bar.update(is_row)
                if (row := next(left, None)) is not None:
                    running[actor.call.remote("__call__", row)] = actor, True

    def _start(self) -> None:
        import ray

        settings = {**self._job.each, "max_restarts": 3, "max_task_retries": 3}
        self.actors.append(ray.remote(**settings)(_Actor).remote(self._worker, self._arguments))


@contextmanager
def cluster(what: str, *, on_cpu: bool, quiet: bool) -> Iterator[RayJob]:
    """Connect to a Ray cluster, or start one on this machine, unless this process is connected to one.

    `what` needs it, for messages. Raises `MissingExtra`; within the block, errors of workers are raised as in this process.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtra("ray", what)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports to its authors unless it is told not to.
    import ray
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = not quiet
    starts = not ray.is_initialized()
    if starts:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        with _one_line_errors():
            yield RayJob("GPU" if not on_cpu and ray.cluster_resources().get("GPU") else "CPU")
    finally:
        if starts:
            ray.shutdown()


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Raise the error of a worker instead of Ray's, which has the traceback of every process in its message."""
    import ray.exceptions

    try:
        yield
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, HubError):
            raise cause from None
        if isinstance(error, ray.exceptions.OutOfMemoryError):
            raise OutOfMemory("a Ray worker ran out of memory: start the cluster with fewer CPUs or GPUs.") from error
        reason = str(error).strip().splitlines()[-1]
        raise Unreachable(
            f"the Ray job failed ({reason}): what is finished is kept, so run the command again."
        ) from error
