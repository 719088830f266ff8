"""`hub cache`: compute the outputs of frozen models before training. Torch is imported only when the command runs."""

from __future__ import annotations

import json
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
    request_from_options,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hub.local import LocalHub
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate sizes.")] = False,
    show: Annotated[bool, typer.Option("--list", help="List the caches.")] = False,
    clear_cache: Annotated[
        bool, typer.Option("--clear", help="Delete all caches; they can be computed again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute and cache the frozen features that training METHOD needs.

    Other methods reuse the same caches. An interrupted run continues where it stopped.
    """
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
            _compute(request, hub, dry_run=dry_run, as_json=as_json)


def _compute(request: RunRequest, hub: LocalHub, *, dry_run: bool, as_json: bool) -> None:
    import shutil
    import time

    from hub.cli.terminal import size
    from trainers.loop.distributed import device_of, open_accelerator
    from trainers.run import prepare

    ready = prepare(request, hub, device_of(open_accelerator("no", request.device)), quiet=as_json)
    needs = ready.plan.needs
    sizes = ready.features.sizes(needs)
    free = shutil.disk_usage(hub.home.folder).free
    if not as_json:
        each = ", ".join(f"{need} {size(amount)}" for need, amount in sizes.items())
        typer.echo(f"{request.method}: {each}; {size(sum(sizes.values()))} in total, {size(free)} free.")
    started = time.perf_counter()
    if not dry_run:
        ready.features.fill(needs)
    seconds = time.perf_counter() - started
    if as_json:
        typer.echo(json.dumps({"bytes": sizes, "free_bytes": free, "seconds": round(seconds, 2)}))
    elif not dry_run:
        typer.echo(f"Saved to {hub.home.caches} in {seconds:.0f} s. Training uses these caches.")


def _list(folder: Path, *, as_json: bool) -> None:
    from hub.cli.terminal import print_table, size
    from trainers.inputs.feature_cache import list_cached

    found = list_cached(folder)
    if as_json:
        rows = [{"label": c.label, "shape": c.shape, "bytes": c.size_bytes, "finished": c.finished} for c in found]
        typer.echo(json.dumps(rows))
    elif found:
        shapes = [" × ".join(map(str, each.shape)) for each in found]
        print_table(
            ["FEATURES", "SHAPE", "SIZE", "KEY"],
            [[c.label, shape, size(c.size_bytes), c.path.stem[:12]] for c, shape in zip(found, shapes, strict=True)],
        )
    else:
        typer.echo("No caches yet: `hub train` and `hub cache METHOD --lang LANGUAGE` create them.")


def _clear(folder: Path, *, as_json: bool) -> None:
    from hub.cli.terminal import size
    from trainers.inputs.feature_cache import clear_cache

    freed = clear_cache(folder)
    typer.echo(json.dumps({"freed_bytes": freed}) if as_json else f"Freed {size(freed)}.")
