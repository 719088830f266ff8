"""Rank random captions and images in both directions and by both protocols, and measure time and memory beyond the embeddings.

python -m benchmarks.recall --images 100000 --width 512
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time


def main() -> None:
    """Print a JSON object with seconds per protocol and the rise of the peak memory."""
    import torch
    import torch.nn.functional as F

    from trainers.evaluation import get_benchmark
    from trainers.evaluation.captions.caption_benchmark import CaptionBenchmark, EmbeddedCaptions

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000, help="images; as many captions as images")
    parser.add_argument("--width", type=int, default=64, help="width of the joint space")
    options = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    images_GD = F.normalize(torch.randn(options.images, options.width, generator=generator), dim=1)
    noise_GD = torch.randn(options.images, options.width, generator=generator)
    everything = torch.arange(options.images)
    embedded = EmbeddedCaptions(F.normalize(images_GD + noise_GD, dim=1), images_GD, everything, everything)
    before = peak_mb()
    found: dict[str, float] = {}
    for name in ("xtd10", "xtd10-mclip"):
        benchmark = get_benchmark(name)
        assert isinstance(benchmark, CaptionBenchmark)
        started = time.perf_counter()
        counts = benchmark.count_hits(embedded)
        found[f"{name}_s"] = round(time.perf_counter() - started, 1)
        found[f"{name}_recall_at_1"] = round(float(counts.hits_GK[:, 0].mean()), 4)
    claim = "memory beyond the embeddings does not grow with the number of pairs"
    sizes = {"images": options.images, "width": options.width, "whole_matrix_mb": options.images**2 * 8 // 10**6}
    print(json.dumps({"claim": claim, **sizes, **found, "peak_rise_mb": round(peak_mb() - before)}, indent=2))


def peak_mb() -> float:
    """Return the peak memory of this process in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
