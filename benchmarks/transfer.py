"""Compare phrase memories at text level, without a denoiser: how many names of a split are read right, in many languages.

    python -m benchmarks.transfer --train yo --lang yo --split validation            # encoders, before and after training
    python -m benchmarks.transfer --train yo --train sw --train hi --train zh --train ar --lang all    # 105 languages, minutes

Designs are chosen on `validation`; `pairs`, and the languages that were held out as a whole, are for the result.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

ENCODERS = ("emoji-xlmr", "multilingual-e5-small", "multilingual-e5-small+emoji-xlmr")
BATCH_SIZE = 64
NEAREST = 10


def main(
    train: Annotated[list[str], typer.Option(help="Language to train on; repeat for several.")],
    lang: Annotated[list[str], typer.Option(help="Language to measure, or `all`; repeat for several.")],
    encoder: Annotated[
        list[str] | None, typer.Option(help="Encoders of a memory; repeat for several memories.")
    ] = None,
    split: Annotated[str, typer.Option(help="Split; languages that were held out have `languages` only.")] = "pairs",
    untrained: Annotated[bool, typer.Option(help="Also measure each memory before its aligners are trained.")] = True,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
) -> None:
    """Print R@1, R@10 and n for each memory and language."""
    from hub.local import LocalHub
    from trainers.options import prepare_libraries

    prepare_libraries()
    with LocalHub.open() as hub:
        for names in encoder or ENCODERS:
            for label, reader, corpus in memories(names, train, seed, hub, untrained=untrained):
                tags = corpus.languages if "all" in lang else lang
                rows = {
                    tag: score(reader, corpus.prompts(tag, split) or corpus.prompts(tag, "languages")) for tag in tags
                }
                found = {tag: row for tag, row in rows.items() if row is not None and tag != "en"}
                print(f"\n{names}, {label}, trained on {' '.join(train)}, {split}, R@1 / R@{NEAREST} (n)")
                for tag, (one, ten, count) in found.items():
                    print(f"  {tag:8} {one:.2f} / {ten:.2f} ({count})", flush=True)
                print(f"  mean     {mean(r[0] for r in found.values()):.2f} / {mean(r[1] for r in found.values()):.2f}")


def memories(names: str, languages: list[str], seed: int, hub: Any, *, untrained: bool) -> Any:
    """Yield a label, the reader and the corpus of a memory before training, if `untrained`, and after it."""
    import torch

    from hub.loader.modules.phrase_reader import PhraseReader
    from trainers.loop.loop import train
    from trainers.run import RunRequest, prepare

    request = RunRequest(
        method="memory", base="emoji-sd", encoder=names, corpus="emoji", languages=tuple(languages), seed=seed
    )
    ready = prepare(request, hub, torch.device("cpu"), quiet=True)
    features = ready.features
    torch.manual_seed(seed)
    module: Any = ready.plan.learner(features).module
    length = ready.prompt_rules.positive.length
    reader = PhraseReader(module, features.phrases.english_P, lambda: features.sentence_encoder, length)  # type: ignore[arg-type, return-value]
    if untrained:
        yield "untrained", reader, features.corpus
    (phase,) = ready.plan.phases
    with TemporaryDirectory() as folder:
        train(phase.make(module, features), phase.recipe, Path(folder), quiet=True, device="cpu")
    module.eval()
    yield f"{phase.recipe.steps} steps", reader, features.corpus


def score(reader: Any, prompts: list[Any]) -> tuple[float, float, int] | None:
    """Return the share of prompts read as their meaning, that with it among the nearest phrases, and n."""
    if not prompts:
        return None
    right, near = 0, 0
    for first in range(0, len(prompts), BATCH_SIZE):
        batch = prompts[first : first + BATCH_SIZE]
        texts = [prompt.text for prompt in batch]
        ranked = reader.similarities(texts).topk(NEAREST, dim=1).indices.tolist()
        for prompt, reading, row in zip(batch, reader.translate(texts), ranked, strict=True):
            right += reading == prompt.meaning
            near += reading == prompt.meaning or prompt.meaning in {reader.phrases[place] for place in row}
    return right / len(prompts), near / len(prompts), len(prompts)


if __name__ == "__main__":
    typer.run(main)
