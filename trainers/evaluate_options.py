"""Options of published benchmarks, which `hub evaluate` and `hub rescore` share. Torch is not imported here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from trainers.evaluation.data_task import DataOptions

DataPlace = Annotated[
    str,
    typer.Option(help="Data of a published benchmark: a folder, or a dataset `owner/name` of the Hugging Face Hub."),
]
JudgeName = Annotated[
    str, typer.Option(help="Dual encoder that judges images in published benchmarks: a name or a folder.")
]
Steps = Annotated[
    int, typer.Option(min=0, help="Denoising steps in published benchmarks (0 = the pipeline's default).")
]
Guidance = Annotated[
    float | None, typer.Option(min=0, help="Guidance scale in published benchmarks.  [default: the pipeline's]")
]


def data_options(
    *,
    data: str,
    judge: str,
    steps: int,
    guidance: float | None,
    device: str,
    metrics: Sequence[str] = (),
    force: bool = False,
    keep: Path | None = None,
) -> DataOptions:
    """Return the options of published benchmarks from those of the command line."""
    return DataOptions(
        place=data, judge=judge, metrics=tuple(dict.fromkeys(metrics)), steps=steps or None, guidance=guidance, force=force,
        keep=keep, device=device or None,
    )  # fmt: skip
