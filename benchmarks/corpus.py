"""Measure the memory of training on a captioned corpus of 2,000, 20,000 and 200,000 rows: opening, caching and steps on texts.

python -m benchmarks.corpus [--rows 2000 20000 200000] [--layout webdataset|parquet] [--scratch FOLDER]

Builds shards of small images with captions in English and Yoruba, a tiny base and a tiny encoder. A process of its own for each
corpus opens it, caches encoder states, the base's embeddings and latents, and trains ten steps of token distillation. Prints a table:
what is mapped from files counts as resident while the system has memory for it; only anonymous memory has to fit.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SHARD = 10_000
"""Rows in each file."""
STEPS, BATCH_SIZE = 10, 64
SIDE = 16
"""Side of the images in pixels, that of the tiny base."""
NEEDS = ("states", "teacher", "latents")


def main() -> None:
    """Build and measure each corpus, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    parser.add_argument("--layout", choices=("webdataset", "parquet"), default="webdataset")
    parser.add_argument("--scratch", type=Path, help="an empty folder for everything  [default: a temporary one]")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(_measure(options.measure)))
        return
    scratch = options.scratch or Path(tempfile.mkdtemp(prefix="corpus-"))
    try:
        _save_models(scratch)
        found = []
        for count in options.rows:
            _write_corpus(scratch / f"{count}" / "corpus", count, options.layout)
            command = [sys.executable, "-m", "benchmarks.corpus", "--measure", str(scratch / f"{count}")]
            found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        _print(found, options.layout)
    finally:
        if options.scratch is None:
            shutil.rmtree(scratch)


def _save_models(scratch: Path) -> None:
    from tests.builders.models.tiny import make_encoder, save_base

    save_base(scratch / "base")
    make_encoder(scratch / "encoder", 1)


def _write_corpus(folder: Path, count: int, layout: str) -> None:
    """Write shards of PNG images in a hundred colours, with captions that are all different."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    folder.mkdir(parents=True)
    images = []
    for number in range(100):
        file = io.BytesIO()
        Image.new("RGB", (SIDE, SIDE), (2 * number, 100, 255 - 2 * number)).save(file, "PNG")
        images.append(file.getvalue())
    for first in range(0, count, SHARD):
        rows = [
            {"en": f"a cat and a dog beside house {n}", "yo": f"ologbo ati aja legbe ile {n}", "image": images[n % 100]}
            for n in range(first, min(first + SHARD, count))
        ]
        name = folder / f"{first // SHARD:05}"
        if layout == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), name.with_suffix(".parquet"), row_group_size=1000)
            continue
        with tarfile.open(name.with_suffix(".tar"), "w") as archive:
            for n, row in enumerate(rows, first):
                captions = json.dumps({"en": row["en"], "yo": row["yo"]}).encode()
                for ending, content in (("json", captions), ("png", row["image"])):
                    member = tarfile.TarInfo(f"{n:08}.{ending}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))


def _measure(folder: Path) -> dict[str, Any]:
    """Return the peaks in MB, and the seconds, of each stage in this process."""
    import torch

    from hub.bases.frozen import FrozenBase
    from hub.encoders.text_encoder import TextEncoder
    from tests.builders.models.tiny import ENCODER_WIDTH
    from trainers.corpora import open_corpus
    from trainers.corpora.columns import Columns
    from trainers.inputs.features import Store
    from trainers.inputs.mixture import Mixture, collect_features
    from trainers.loop.loop import train
    from trainers.loop.recipe import Recipe
    from trainers.methods import get_plan

    torch.set_num_threads(1)
    base = FrozenBase.open(folder.parent / "base", torch.device("cpu"))
    encoder = TextEncoder.from_folder(folder.parent / "encoder", dtype=torch.float32)
    assert encoder.width == ENCODER_WIDTH
    plan, caches = get_plan("pea"), folder / "caches"
    base.latents(
        torch.zeros(64, 3, SIDE, SIDE, dtype=torch.uint8)
    )  # What models and libraries take does not count here.
    stages: dict[str, dict[str, float]] = {}
    with _stage(stages, "open"):
        columns = Columns("", (("en", "en"), ("yo", "yo")))
        corpus = open_corpus(str(folder / "corpus"), columns, SIDE, caches)
    with _stage(stages, "collect"):
        store = Store(caches, "base", "encoder", quiet=True)
        features = collect_features(corpus, Mixture(("yo",), 0.25), base, encoder, length=base.length, store=store)
    with _stage(stages, "cache"), torch.no_grad():
        features.fill(NEEDS)
    with _stage(stages, "train"):
        module = plan.learner(base, encoder).module
        method = plan.phases[0].make(module, features)
        recipe = Recipe(steps=STEPS, batch_size=BATCH_SIZE, learning_rate=1e-3, precision="no")
        train(method, recipe, folder / "run", quiet=True, device="cpu")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": len(features.concept_M) - 1, "texts": len(features.texts_N) - 1, "peak_rss_mb": peak, **stages}


@contextmanager
def _stage(stages: dict[str, dict[str, float]], name: str) -> Iterator[None]:
    """Note the greatest anonymous memory during a stage, in MB, and its duration."""
    ended, seen = threading.Event(), [_anonymous()]
    before, started = seen[0], time.perf_counter()

    def watch() -> None:
        while not ended.wait(0.01):
            seen.append(max(seen[-1], _anonymous()))
            del seen[:-1]

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    stages[name] = {
        "before_mb": before,
        "peak_mb": max(seen[-1], _anonymous()),
        "seconds": time.perf_counter() - started,
    }


def _anonymous() -> float:
    """Return the anonymous memory of this process in MB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon"))


def _print(found: list[dict[str, Any]], layout: str) -> None:
    start = found[0]["open"]["before_mb"]
    print(
        f"Anonymous memory above that of the loaded models ({start:.0f} MB), greatest in each stage, and seconds; {layout}."
    )
    print("| images | texts | open | collect | cache | train | peak RSS |")
    print("|---|---|---|---|---|---|---|")
    for each in found:
        stages = [each[name] for name in ("open", "collect", "cache", "train")]
        cells = [f"{s['peak_mb'] - each['open']['before_mb']:.1f} MB, {s['seconds']:.1f} s" for s in stages]
        print(f"| {each['rows']:,} | {each['texts']:,} | {' | '.join(cells)} | {each['peak_rss_mb']:.0f} MB |")
    if len(found) > 1:
        small, large = found[-2], found[-1]
        for name in ("open", "collect", "cache", "train"):
            growth = (large[name]["peak_mb"] - small[name]["peak_mb"]) * 2**20 / (large["rows"] - small["rows"])
            print(f"{name}: {growth:.0f} bytes a row between the last two")


if __name__ == "__main__":
    main()
