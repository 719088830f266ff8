"""A Ray job computes shards on machines that share a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import Unreachable
from trainers.inputs import ray_job


def test_shards_on_the_disk_of_another_machine_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.touch()
    ray_job._check_shared([here])
    with pytest.raises(Unreachable, match="1 of 2 shards were computed on machines that do not share"):
        ray_job._check_shared([here, there])
