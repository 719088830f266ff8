"""Train the lab's language modules, measure them and copy them to `cards/`.

    python -m trainers.lab.models.modules yo sw hi zh ar en                # mulan; `en` trains the zero-shot module
    python -m trainers.lab.models.modules --method pea --set distil.steps=9000 yo+sw+hi+zh+ar      # one module for five languages
    python -m trainers.lab.models.modules --method memory yo sw hi zh ar yo+sw+hi+zh+ar                # phrase memories
    python -m trainers.lab.models.modules --encoder multilingual-e5-small --name mulan-e5 --set 'prompt.prefix="query: "' \
        --set prompt.length=22 en                                          # mulan on another encoder
    python -m trainers.lab.models.modules --measure yo                     # measure an existing module again

Runs `hub train METHOD --lang …` and measures the same scores with more prompts. Large weights stay out of `cards/`: only
the card is copied, which names the command that recreates them.
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
from trainers.evaluation.evaluate import EvaluationRequest, evaluate_for_card, run_benchmarks
from trainers.evaluation.subjects import module_subject
from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES
from trainers.lab.stage_options import CARDS
from trainers.publish_module import default_name, update_scores

BASE = "emoji-sd"
FOCUS = ("yo", "sw", "hi", "zh", "ar")
GENERATION = ("emoji-generation",)
MEASURED = {"mulan": ("seen", "pairs"), "memory": ("seen", "pairs", "combinations")}
"""Methods whose modules are measured after training, on these splits; the others are by `hub train`."""
PRICE_PER_HOUR = 0.1
"""US dollars for two cores for one hour, the price that the lab's cards assume."""
MAX_COMMITTED_BYTES = 2_700_000
"""Larger weights are not committed, so that the repository can be cloned in seconds."""


def train_module(name: str, languages: tuple[str, ...], prompts: int, arguments: argparse.Namespace) -> Path:
    """Train one module for the command line and return the folder of its artifact.

    `prompts` is the number of prompts per score; with 0 the module is measured later, by `measure`.
    """
    script = str(Path(sys.executable).with_name("hub"))
    work: Path = arguments.work
    command = [
        script,
        "train",
        arguments.method,
        "--base",
        arguments.base,
        "--name",
        name,
        "--out",
        str(work / name),
        "--overwrite",
    ]
    command += ["--encoder", arguments.encoder] if arguments.encoder else []
    command += [word for tag in languages for word in ("--lang", tag)]
    command += [word for override in arguments.set for word in ("--set", override)]
    command += ["--n", str(prompts)] if prompts else ["--no-evaluate"]
    subprocess.run([*command, "--price-per-hour", str(PRICE_PER_HOUR)], check=True)
    return Path(work, name, name)


def copy_to_cards(folder: Path) -> Path:
    """Copy an artifact to `cards/`, without large weights, and return the new folder."""
    target = CARDS / "adapters" / folder.name
    shutil.rmtree(target, ignore_errors=True)
    weights = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    if weights <= MAX_COMMITTED_BYTES:
        shutil.copytree(folder, target)
    else:
        target.mkdir(parents=True)
        shutil.copyfile(folder / "README.md", target / "README.md")
    return target


def measure(
    folder: Path, languages: tuple[str, ...], base: str, count: int, splits: tuple[str, ...] = ("seen", "pairs")
) -> None:
    """Write scores of fit and transfer to the card; for a zero-shot module, of five languages and the held-out ones."""
    with LocalHub.open() as hub:
        corpus = open_corpus("emoji")
        name = ArtifactName("linguahub", folder.name)
        subject = module_subject(folder.name, folder, base, hub, None)
        if languages == ("en",):
            zero_shot = EvaluationRequest(GENERATION, ("pairs",), FOCUS, count)
            scores = run_benchmarks(subject, zero_shot, corpus, hub, quiet=False)
            scores += run_benchmarks(
                subject, EvaluationRequest(GENERATION, ("seen",), ("en",), count), corpus, hub, quiet=False
            )
            held_out = tuple(tag for tag in HELD_OUT_LANGUAGES if corpus.prompts(tag, "languages"))
            unseen = EvaluationRequest(("emoji-retrieval",), ("languages",), held_out, 0)
            scores += run_benchmarks(subject, unseen, corpus, hub, quiet=False)
        else:
            scores = evaluate_for_card(
                subject, EvaluationRequest(GENERATION, splits, languages, count), corpus, hub, quiet=False
            )
        kept = [score for score in scores if not score.metric.startswith("judge_ceiling")]
        update_scores(folder, name, kept)


def main() -> None:
    """Train and measure each module named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", help="language of the module, or several joined by +")
    parser.add_argument("--method", default="mulan")
    parser.add_argument("--base", default=BASE)
    parser.add_argument("--encoder", default="", help="frozen text encoder; the method's own by default")
    parser.add_argument("--name", default="", help="name of the module; the method and its languages by default")
    parser.add_argument("--work", type=Path, default=Path("build/modules"))
    parser.add_argument(
        "--measure", action="store_true", help="measure the modules in the work folder without training"
    )
    parser.add_argument("--count", type=int, default=128, help="prompts per score")
    parser.add_argument(
        "--set", action="append", default=[], help="KEY=VALUE to override in the recipe, as in `hub train`"
    )
    arguments = parser.parse_args()
    logging.set_verbosity_error()  # the base alone truncates long prompts and would warn about each of them
    logging.disable_progress_bar()
    for module in arguments.modules:
        languages = tuple(module.split("+"))
        name = arguments.name or default_name(arguments.method, languages)
        if arguments.method in MEASURED:
            trained = arguments.work / name / name
            if not arguments.measure:
                trained = train_module(name, languages, 0, arguments)
            measure(trained, languages, arguments.base, arguments.count, MEASURED[arguments.method])
        else:
            trained = train_module(name, languages, arguments.count, arguments)
        copy_to_cards(trained)


if __name__ == "__main__":
    main()
