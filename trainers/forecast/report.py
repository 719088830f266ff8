"""Write a forecast as text."""

from __future__ import annotations

from collections.abc import Sequence

from hub.weights.sizes import gigabytes
from trainers.forecast.accelerators import ACCELERATORS, UTILISATION
from trainers.forecast.forecast import CONTEXT, Forecast, Stage


def as_text(forecast: Forecast) -> str:
    """Return the forecast in a few tables."""
    stages = forecast.stages
    kinds = dict.fromkeys(kind for stage in stages for kind, size in stage.resident.items() if size)
    rows = [[kind, *(_cell(stage.resident.get(kind, 0)) for stage in stages)] for kind in kinds]
    rows += [
        ["activations", *(_cell(stage.activations.peak_bytes) for stage in stages)],
        ["CUDA", *(_cell(CONTEXT) for _ in stages)],
        ["total", *(_cell(stage.device_bytes) for stage in stages)],
    ]
    lines = [
        f"{forecast.title}: {forecast.texts:,} texts of {forecast.pairs:,} images. No weights were read.",
        "",
        *_table(["DEVICE MEMORY", *(stage.name for stage in stages)], rows),
        *(_phase(stage) for stage in stages if stage.steps),
        "",
        f"Host memory: {gigabytes(forecast.host_bytes)} ({_parts(forecast.host)}).",
        f"Disk: {gigabytes(sum(forecast.disk.values()))} of caches ({_parts(forecast.disk)}); {gigabytes(forecast.free_disk)} free.",
        f"Work: {forecast.flops:.3g} operations; evaluation: up to {forecast.images:,} images in addition.",
        "",
        *_table(["ACCELERATOR", "MEMORY", "HOURS", "PRICE", "NEEDS"], _accelerators(forecast)),
        f"Hours are of one device, at an assumed {UTILISATION:.0%} of its peak in bf16; your first run measures the true speed.",
    ]
    lines += [f"Would fail: {each}" for each in forecast.refused]
    return "\n".join(lines)


def _phase(stage: Stage) -> str:
    now, other = stage.activations, stage.other
    text = f"{stage.name}: {stage.steps:,} updates of {stage.batch_size}, {stage.at_once} examples at once"
    if other is None:
        return f"{text}."
    with_, without = (now, other) if now.recomputed else (other, now)
    return (
        f"{text}; activations with gradient checkpointing {gigabytes(with_.peak_bytes)}, without {gigabytes(without.peak_bytes)} and "
        f"{without.flops / with_.flops:.0%} of the operations."
    )


def _accelerators(forecast: Forecast) -> list[list[str]]:
    rows = []
    for each in ACCELERATORS:
        options, hours = forecast.options_for(each), each.hours(forecast.flops)
        price = f"${hours * forecast.price_per_hour:,.2f}" if forecast.price_per_hour else ""
        needs = "more memory" if options is None else options
        rows.append([each.name, gigabytes(each.memory_bytes), f"{hours:,.1f}", price, needs])
    return rows


def _parts(sizes: object) -> str:
    assert isinstance(sizes, dict)
    return ", ".join(f"{name} {gigabytes(size)}" for name, size in sizes.items() if size)


def _cell(size: int) -> str:
    return gigabytes(size) if size else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]
