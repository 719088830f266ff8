"""`hub cache`: compute the outputs of frozen models before training. Torch is imported only when the command runs."""

from __future__ import annotations

import json
import shutil
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from hub.errors import InvalidRequest
from trainers import defaults
from trainers.options import (
    CaptionColumns,
    Device,
    EncoderName,
    HeldOutShare,
    ImageColumn,
    NativeColumn,
    RecipeName,
    Sets,
    check_engine,
    request_from_options,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.home import Home
    from hub.local import LocalHub
    from trainers.inputs.features import FeatureDataset
    from trainers.run import RunRequest


def cache(
    method: Annotated[str, typer.Argument(help="Training method whose inputs are computed.")] = "mulan",
    base: Annotated[str, typer.Option(help=f"Frozen base, by name or folder.  [default: {defaults.BASE}]")] = "",
    lang: Annotated[list[str] | None, typer.Option(help="Language to train on; repeat for several.")] = None,
    encoder: EncoderName = "",
    corpus: Annotated[
        str, typer.Option(help=f"Corpus to train on, as in `hub train`.  [default: {defaults.CORPUS}]")
    ] = "",
    image_column: ImageColumn = "",
    caption_column: CaptionColumns = None,
    native_column: NativeColumn = "",
    held_out_share: HeldOutShare = defaults.HELD_OUT_SHARE,
    recipe: RecipeName = "",
    sets: Sets = None,
    device: Device = "",
    engine: Annotated[
        str,
        typer.Option(help="`local`: this process, or all those of `torchrun`; `ray`: a Ray Data job."),
    ] = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate sizes.")] = False,
    show: Annotated[bool, typer.Option("--list", help="List the caches.")] = False,
    clear_cache: Annotated[
        bool, typer.Option("--clear", help="Delete all caches; they can be computed again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute and cache the frozen features that training METHOD needs.

    Other methods reuse the same caches. An interrupted run continues with the missing shards.
    """
    check_engine(engine)
    if show and clear_cache:
        raise InvalidRequest("`--list` and `--clear` cannot be used together.")
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        if show:
            _list(hub.home.caches, as_json=as_json)
        elif clear_cache:
            _clear(hub.home.caches, as_json=as_json)
        else:
            request = request_from_options(
                method, base=base, encoder=encoder, corpus=corpus, lang=lang, image_column=image_column,
                caption_column=caption_column, native_column=native_column, held_out_share=held_out_share, recipe=recipe,
                sets=sets, device=device,
            )  # fmt: skip
            compute = _compute if engine == "local" else _compute_with_ray
            compute(request, hub, dry_run=dry_run, as_json=as_json)


def _compute(request: RunRequest, hub: LocalHub, *, dry_run: bool, as_json: bool) -> None:
    """Compute the features in this process, together with the other processes if there are several; the main one prints."""
    from trainers.loop.distributed import close_process_group, device_of, open_accelerator
    from trainers.run import prepare

    accelerator = open_accelerator("no", request.device)
    main = accelerator.is_main_process
    ready = prepare(request, hub, device_of(accelerator), quiet=as_json or not main)
    needs = ready.plan.needs
    sizes = ready.features.sizes(needs)
    if main and not as_json:
        typer.echo(_summary(request, hub, sizes))
    started = time.perf_counter()
    if not dry_run:
        ready.features.fill(needs)
    close_process_group()
    if main:
        _report(hub, sizes, time.perf_counter() - started, dry_run=dry_run, as_json=as_json)


def _compute_with_ray(request: RunRequest, hub: LocalHub, *, dry_run: bool, as_json: bool) -> None:
    from trainers.inputs.ray_job import fill_with_ray

    started = time.perf_counter()
    opening = partial(_open_features, request, hub.home)
    sizes = fill_with_ray(opening, on_cpu=request.device == "cpu", dry_run=dry_run, quiet=as_json)
    if not as_json:
        typer.echo(_summary(request, hub, sizes))
    _report(hub, sizes, time.perf_counter() - started, dry_run=dry_run, as_json=as_json)


def _open_features(request: RunRequest, home: Home) -> tuple[FeatureDataset, Sequence[str]]:
    """Open the models and the corpus of a request in a Ray worker; return the features, and the names of those it needs."""
    from hub.local import LocalHub
    from trainers.loop.distributed import device_of, open_accelerator
    from trainers.run import prepare

    with LocalHub.open(home) as hub:
        ready = prepare(request, hub, device_of(open_accelerator("no", request.device)), quiet=True)
    return ready.features, ready.plan.needs


def _summary(request: RunRequest, hub: LocalHub, sizes: dict[str, int]) -> str:
    from hub.cli.terminal import size

    each = ", ".join(f"{need} {size(amount)}" for need, amount in sizes.items())
    return f"{request.method}: {each}; {size(sum(sizes.values()))} in total, {size(_free(hub))} free."


def _report(hub: LocalHub, sizes: dict[str, int], seconds: float, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"bytes": sizes, "free_bytes": _free(hub), "seconds": round(seconds, 2)}))
    elif not dry_run:
        typer.echo(f"Saved to {hub.home.caches} in {seconds:.0f} s. Training uses these caches.")


def _free(hub: LocalHub) -> int:
    return shutil.disk_usage(hub.home.folder).free


def _list(folder: Path, *, as_json: bool) -> None:
    from hub.cli.terminal import print_table, size
    from trainers.inputs.feature_cache import list_cached

    found = list_cached(folder)
    if as_json:
        rows = [
            {"label": c.label, "shape": c.shape, "bytes": c.size_bytes, "shards": c.shards, "finished": c.finished}
            for c in found
        ]
        typer.echo(json.dumps(rows))
    elif found:
        shapes = [" × ".join(map(str, each.shape)) for each in found]
        print_table(
            ["FEATURES", "SHAPE", "SIZE", "SHARDS", "KEY"],
            [
                [c.label, shape, size(c.size_bytes), f"{c.shards} of {c.of}", c.path.name[:12]]
                for c, shape in zip(found, shapes, strict=True)
            ],
        )
    else:
        typer.echo("No caches yet: `hub train` and `hub cache METHOD --lang LANGUAGE` create them.")


def _clear(folder: Path, *, as_json: bool) -> None:
    from hub.cli.terminal import size
    from trainers.inputs.feature_cache import clear_cache

    freed = clear_cache(folder)
    typer.echo(json.dumps({"freed_bytes": freed}) if as_json else f"Freed {size(freed)}.")
