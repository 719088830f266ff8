"""Measure `load_pipeline(base, adapter)` against diffusers' `from_pretrained` of the same base."""

from __future__ import annotations

from benchmarks.clock import compare


def main() -> None:
    """Compare both in one process, after both have been imported and run once."""
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import logging

    from hub import load_pipeline
    from hub.local import LocalHub

    logging.disable_progress_bar()
    hub = LocalHub.open()
    folder = hub.snapshot("emoji-sd")
    comparison = compare(
        "load_pipeline with a module takes at most 50 ms longer than the base alone",
        lambda: load_pipeline("emoji-sd", adapter="linguahub/mulan-yo", hub=hub),
        lambda: StableDiffusionPipeline.from_pretrained(folder),
        "StableDiffusionPipeline.from_pretrained",
        repetitions=15,
    )
    comparison.report(added_ms=round(comparison.ours.median_ms - comparison.peer.median_ms, 2))


if __name__ == "__main__":
    main()
