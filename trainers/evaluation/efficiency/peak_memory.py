"""Measure the peak memory of a process that only loads a subject and uses it once.

    python -m trainers.evaluation.efficiency.peak_memory REQUEST

REQUEST is a JSON file. The answer is a line of JSON on standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hub.errors import HubError, OutOfMemory
from hub.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A subject, and the prompt that it reads once."""

    home: Mapping[str, str]
    """The fields of `Home`."""
    artifact: str
    revision: str
    base: str
    device: str
    text: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of a pipeline's call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Peak memory in bytes."""

    host: int
    device: int
    """Memory that torch allocated on a GPU; 0 on a CPU."""


def measure_peak(use: Use) -> Peak:
    """Load and use a subject in a separate process. Raises `OutOfMemory` if that process fails."""
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request.json"
        request.write_text(json.dumps(asdict(use)), encoding="utf-8")
        command = [sys.executable, "-m", "trainers.evaluation.efficiency.peak_memory", str(request)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-1:]) or f"status {done.returncode}"
        raise OutOfMemory(f"a process that loads `{use.artifact}` failed ({last}): free some memory, then try again.")
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def home_fields(home: Home) -> dict[str, str]:
    """Return the fields of a home as texts."""
    return {name: str(value) for name, value in asdict(home).items()}


def host_peak() -> int:
    """Return the peak resident memory of this process in bytes. A child's `ru_maxrss` begins with that of its parent on Linux."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.is_file() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _use_once(use: Use) -> Peak:
    from hub.local import LocalHub

    home: dict[str, Any] = {**use.home} | {name: Path(use.home[name]) for name in ("database", "folder", "cards")}
    with LocalHub.open(Home(**home)) as hub:
        artifact = hub.registry.get(use.artifact)
        import torch

        from trainers.evaluation.efficiency.latency import draw_prompt
        from trainers.evaluation.subjects import open_subject

        subject = open_subject(artifact, use.base, hub, use.device, alone=True)
    if subject.pipeline is not None:
        draw_prompt(subject.pipeline, use.text, use.settings)
    elif subject.retriever is not None:
        subject.retriever.embed_texts([use.text])
        subject.retriever.embed_images(torch.zeros(1, 3, 224, 224, dtype=torch.uint8))
    elif subject.encoder is not None:
        subject.encoder.encode([use.text], 32)
    on_gpu = use.device.startswith("cuda")
    return Peak(host=host_peak(), device=torch.cuda.max_memory_allocated(use.device) if on_gpu else 0)


def _main(arguments: Sequence[str]) -> int:
    use = Use(**json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    try:
        peak = _use_once(use)
    except (HubError, MemoryError) as error:
        print(error or "out of memory", file=sys.stderr)
        return 1
    print(json.dumps(asdict(peak)))
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
