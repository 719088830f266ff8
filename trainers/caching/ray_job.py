"""Compute the missing shards of caches on a Ray cluster, as one Ray Data job. Ray is imported only here.

A worker opens the frozen models once and computes the shards that it is given, with the functions that training uses. All machines
need this package and the same HUB_HOME, on a shared disk.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.errors import HubError, MissingExtra, OutOfMemory, Unreachable
from hub.home import Home
from hub.local import LocalHub
from trainers.inputs.features import FeatureDataset
from trainers.loop.distributed import device_of, open_accelerator
from trainers.loop.precision import tf32
from trainers.run import RunRequest, prepare

Shard = dict[str, Any]
"""A row of the job: `need`, the name of a feature, and `shard`, the number of one of its shards."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a request needs: the bytes of each feature, and the shards that are missing."""

    sizes: dict[str, int]
    missing: list[Shard]


class ShardWorker:
    """Opens the frozen models of a request, and computes shards of their caches."""

    def __init__(self, request: RunRequest, home: Home) -> None:
        """Open the inputs of `request` on the device of this worker."""
        self._hub = LocalHub.open(home)
        ready = prepare(request, self._hub, device_of(open_accelerator("no", request.device)), quiet=True)
        self._features: FeatureDataset = ready.features

    def __call__(self, row: Shard) -> Shard:
        """Compute a shard, and return its row with the `path` of the file."""
        cache = self._features.cache(row["need"])
        with tf32(self._features.base.device):
            cache.fill_shard(row["shard"])
        return {**row, "path": str(cache.path(row["shard"]))}


def find_work(request: RunRequest, home: Home) -> Work:
    """Return what is to be done, in a worker: the device decides the types, and so the keys, of some caches."""
    with LocalHub.open(home) as hub:
        ready = prepare(request, hub, device_of(open_accelerator("no", request.device)), quiet=True)
        caches = {need: ready.features.cache(need) for need in ready.plan.needs}
        missing = [{"need": need, "shard": shard} for need, cache in caches.items() for shard in cache.missing()]
        return Work({need: cache.size_bytes for need, cache in caches.items()}, missing)


def fill_with_ray(request: RunRequest, home: Home, *, dry_run: bool, quiet: bool) -> dict[str, int]:
    """Compute the missing shards of the features that a request needs, and return the bytes of each feature.

    Uses the cluster of RAY_ADDRESS, or this machine. An interrupted job continues with the missing shards.

    Raises `MissingExtra`, the errors of `prepare` and of the caches, and `Unreachable` if the job fails or a shard is not in this
    machine's `home`.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtra("ray", "`hub cache --engine ray`")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports to its authors unless it is told not to.
    import ray
    import ray.data

    with _cluster(quiet=quiet), _one_line_errors():
        kind = "GPU" if request.device != "cpu" and ray.cluster_resources().get("GPU") else "CPU"
        each: dict[str, Any] = {"num_gpus": 1} if kind == "GPU" else {"num_cpus": 1}
        work: Work = ray.get(ray.remote(**each)(find_work).remote(request, home))
        if work.missing and not dry_run:
            workers = min(len(work.missing), int(ray.cluster_resources()[kind]))
            shards = ray.data.from_items(work.missing, override_num_blocks=len(work.missing))
            done = shards.map(
                ShardWorker,
                fn_constructor_args=(request, home),
                compute=ray.data.ActorPoolStrategy(size=workers),
                **each,
            )
            _check_shared([Path(row["path"]) for row in done.take_all()], home)
        return work.sizes


def _check_shared(paths: list[Path], home: Home) -> None:
    """Check that the files of other machines are on this one. Raises `Unreachable`."""
    if lost := [path for path in paths if not path.is_file()]:
        raise Unreachable(
            f"{len(lost)} of {len(paths)} shards were computed on machines that do not share {home.caches}: set HUB_HOME to a folder "
            "on a shared disk, or run `hub cache` on each machine."
        )


@contextmanager
def _cluster(*, quiet: bool) -> Iterator[None]:
    """Connect to a Ray cluster, or start one on this machine, unless this process is connected to one."""
    import ray
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = not quiet
    if ray.is_initialized():
        yield
        return
    ray.init(include_dashboard=False, log_to_driver=not quiet, logging_level=logging.ERROR)
    try:
        yield
    finally:
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
            f"the Ray job failed ({reason}): the finished shards are kept, so run the command again."
        ) from error
