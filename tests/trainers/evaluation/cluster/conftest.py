"""A Ray cluster for all tests of this folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """A cluster of one CPU: it takes three seconds to start, and each worker many more to import torch.

    Therefore a worker that has nothing to do is kept for the next task, and none looks for garbage, as it would dozens of times while
    it imports, or imports torch's code generator, as bitsandbytes asks for.
    """
    import ray

    ray.init(
        num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
        runtime_env={"worker_process_setup_hook": "gc.disable", "env_vars": {"TORCHDYNAMO_DISABLE": "1"}},
        _system_config={"num_workers_soft_limit": 8, "idle_worker_killing_time_threshold_ms": 3_600_000},
    )  # fmt: skip
    yield
    ray.shutdown()
