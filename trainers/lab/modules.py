"""The lab's own language modules: train them, measure them, put them into `cards/`.

    python -m trainers.lab.modules yo sw hi zh ar en      # `en` alone is the zero-shot `mulan`
    python -m trainers.lab.modules --measure yo           # measure again what is there

Training is `hub train mulan --lang …`; the figures are what `hub train` would put into the card, with more prompts.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from diffusers.utils import logging

from hub.local import LocalHub
from hub.names import ArtifactName
from trainers.corpora import open_corpus
from trainers.lab.splits import HELD_OUT_LANGUAGES
from trainers.lab.world import CARDS
from trainers.publishing import default_name, rescore
from trainers.scoring import Asked, ask, compare, module_subject

BASE = "emoji-sd"
FOCUS = ("yo", "sw", "hi", "zh", "ar")
GENERATION = ("emoji-generation",)
PRICE_PER_HOUR = 0.1
"""US dollars for two cores for one hour, as cards of the lab assume."""


def train(language: str, work: Path) -> Path:
    """Train one module; the folder of its artifact in `cards/`."""
    name = default_name("mulan", (language,))
    script, out = str(Path(sys.executable).with_name("hub")), str(work / language)
    command = [script, "train", "mulan", "--base", BASE, "--lang", language, "--no-evaluate", "--out", out]
    subprocess.run([*command, "--price-per-hour", str(PRICE_PER_HOUR)], check=True)
    return bring(work / language / name)


def bring(folder: Path) -> Path:
    """Copy an artifact into `cards/`."""
    target = CARDS / "adapters" / folder.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    return target


def measure(language: str, folder: Path, count: int) -> None:
    """Put figures into the card: fit and transfer; for the zero-shot module five languages and the held-out ones."""
    with LocalHub.open() as hub:
        corpus = open_corpus("emoji")
        name = ArtifactName("linguahub", folder.name)
        subject = module_subject(folder.name, folder, BASE, hub, None)
        if language == "en":
            zero_shot = Asked(GENERATION, ("pairs",), FOCUS, count)
            scores = ask(subject, zero_shot, corpus, hub, quiet=False)
            scores += ask(subject, Asked(GENERATION, ("seen",), ("en",), count), corpus, hub, quiet=False)
            unseen = Asked(("emoji-retrieval",), ("languages",), HELD_OUT_LANGUAGES, 0)
            scores += ask(subject, unseen, corpus, hub, quiet=False)
        else:
            asked = Asked(GENERATION, ("seen", "pairs"), (language,), count)
            scores = compare(subject, asked, corpus, hub, quiet=False)
        kept = [score for score in scores if not score.metric.startswith("judge_ceiling")]
        rescore(folder, name, kept)


def main() -> None:
    """Train and measure each language named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("languages", nargs="+")
    parser.add_argument("--work", type=Path, default=Path("build/modules"))
    parser.add_argument("--measure", action="store_true", help="measure what lies in the work folder, train nothing")
    parser.add_argument("--count", type=int, default=128, help="prompts per figure")
    arguments = parser.parse_args()
    logging.set_verbosity_error()  # the base alone cuts long prompts, and says so for each of them
    logging.disable_progress_bar()
    for language in arguments.languages:
        name = default_name("mulan", (language,))
        trained = arguments.work / language / name
        folder = bring(trained) if arguments.measure else train(language, arguments.work)
        measure(language, folder, arguments.count)


if __name__ == "__main__":
    main()
