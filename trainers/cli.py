"""`hub train` and `hub evaluate`. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import json
from pathlib import Path
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
    RecipeName,
    Sets,
    check_device,
    languages_of,
    prepare_libraries,
    request_from_options,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.records import Score


def train(
    method: Annotated[
        str,
        typer.Argument(
            help="Training method: mulan, pea, token-kd, bottleneck, iap, altdiffusion, full, lora, prompt-tuning, mclip, mte, translate."
        ),
    ],
    base: Annotated[
        str,
        typer.Option(
            help=f"Name or folder of the frozen base, or of the dual encoder for mclip (default: {defaults.BASE}).",
            show_default=False,
        ),
    ] = "",
    lang: Annotated[
        list[str] | None,
        typer.Option(help="Language to train on; repeat for several. `en` alone trains for zero-shot transfer."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the artifact (default: METHOD-LANGUAGE).")] = "",
    encoder: EncoderName = "",
    corpus: Annotated[
        str,
        typer.Option(
            help=f"Training data: a corpus, a folder, a file or a data set `owner/name` (default: {defaults.CORPUS})."
        ),
    ] = "",
    image_column: ImageColumn = "",
    caption_column: CaptionColumns = None,
    held_out_share: HeldOutShare = defaults.HELD_OUT_SHARE,
    recipe: RecipeName = "",
    sets: Sets = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps over all phases (default: as in the recipe).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    accumulate: Annotated[int, typer.Option(min=1, help="Gradient accumulation steps per batch.")] = 1,
    english_share: Annotated[
        float, typer.Option(min=0, max=0.95, help="Share of English examples, which keep English quality.")
    ] = defaults.ENGLISH_SHARE,
    temperature: Annotated[
        float,
        typer.Option(
            min=0.1, help="Sampling temperature: a language with n texts is sampled in proportion to n^(1/temperature)."
        ),
    ] = defaults.TEMPERATURE,
    device: Device = "",
    sample_every: Annotated[
        int, typer.Option(min=0, help="Generate sample images every N steps of a phase (0: never).")
    ] = 0,
    sample_prompt: Annotated[
        list[str] | None, typer.Option(help="Additional sample prompt; repeat for several. Needs --sample-every.")
    ] = None,
    price_per_hour: Annotated[
        float, typer.Option(min=0, help="Price of one device in dollars per hour, for the cost in the card.")
    ] = 0.0,
    push: Annotated[bool, typer.Option("--push", help="Publish the trained module.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    out: Annotated[Path | None, typer.Option(help="Run directory (default: HUB_HOME/runs/NAME).")] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Evaluate the module and write the scores into its card.")
    ] = True,
    n: Annotated[int, typer.Option(min=1, help="Number of prompts per language and split in the evaluation.")] = 128,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a language module for a frozen base."""
    if sample_prompt and not sample_every:
        raise InvalidRequest("`--sample-prompt` needs `--sample-every`. Example: `--sample-every 100`.")
    request = request_from_options(
        method, base=base, encoder=encoder, corpus=corpus, lang=lang, image_column=image_column,
        caption_column=caption_column, held_out_share=held_out_share, recipe=recipe, sets=sets, device=device,
        english_share=english_share, temperature=temperature, steps=steps, seed=seed, accumulation=accumulate,
    )  # fmt: skip
    from hub.local import LocalHub
    from trainers.samples.samples import SampleRequest
    from trainers.train_and_publish import train_and_publish

    sample = SampleRequest(sample_every, tuple(sample_prompt or ()))
    with LocalHub.open() as hub:
        outcome = train_and_publish(
            request, hub, name=name, out=out, sample=sample, price_per_hour=price_per_hour,
            prompts=n if evaluate else 0, push=push, resume=resume, quiet=as_json,
        )  # fmt: skip
    if outcome is None:
        return
    if as_json:
        typer.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        _print_scores(outcome.scores)
        typer.echo(outcome.as_text())


def evaluate(
    name: Annotated[str, typer.Argument(help="Name of a base, module or encoder.")],
    base: Annotated[str, typer.Option(help="Base to evaluate a module on (default: its first base).")] = "",
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help="Benchmark, such as emoji-generation or emoji-retrieval; repeat for several."),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="Split: seen, pairs, languages, combinations or validation; repeat for several (default: seen)."
        ),
    ] = None,
    lang: Annotated[
        list[str] | None,
        typer.Option(help="Language of the prompts; repeat for several (default: the languages of the artifact)."),
    ] = None,
    corpus: Annotated[str, typer.Option(help="Corpus of the prompts.")] = defaults.CORPUS,
    image_column: ImageColumn = "",
    caption_column: CaptionColumns = None,
    held_out_share: HeldOutShare = defaults.HELD_OUT_SHARE,
    n: Annotated[int, typer.Option(min=0, help="Number of prompts per language and split (0: all).")] = 256,
    seed: Annotated[int, typer.Option(help="Random seed of the choice of prompts and of the noise.")] = 0,
    device: Device = "",
    push: Annotated[bool, typer.Option("--push", help="Add the scores to the card and publish it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Evaluate a base, a module or an encoder on a benchmark."""
    languages = languages_of(lang)
    check_device(device)
    prepare_libraries()
    from hub.local import LocalHub
    from trainers.corpora.captioned import Columns
    from trainers.evaluation.evaluate import evaluate_artifact
    from trainers.publish import publish_scores

    with LocalHub.open() as hub:
        artifact = hub.registry.get(name)
        columns = Columns.parse(image_column, caption_column or [], held_out_share)
        scores = evaluate_artifact(
            artifact, hub, base=base, benchmarks=tuple(benchmark or ()), splits=tuple(split or ["seen"]),
            languages=languages, corpus=corpus, columns=columns, count=n, seed=seed, device=device or None, quiet=as_json,
        )  # fmt: skip
        if push:
            revision = publish_scores(artifact, scores, hub)
            if not as_json:
                typer.echo(f"{artifact.name}: published as revision {revision.id[:12]}.")
    if as_json:
        from hub.cli.find.format_scores import as_json as score_as_json

        typer.echo(json.dumps([score_as_json(score) for score in scores], ensure_ascii=False))
    else:
        _print_scores(scores)


def _print_scores(scores: Sequence[Score]) -> None:
    from hub.cli.find.format_scores import format_score

    for score in scores:
        typer.echo(format_score(score))
