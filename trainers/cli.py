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
            help="mulan, pea, token-kd, bottleneck, iap, altdiffusion, full, lora, prompt-tuning, mclip, translate …"
        ),
    ],
    base: Annotated[
        str,
        typer.Option(
            help=f"The frozen base, or dual encoder for mclip: a name or a folder; {defaults.BASE} by default."
        ),
    ] = "",
    lang: Annotated[
        list[str] | None, typer.Option(help="Language to learn; again for more. `en` alone: zero-shot.")
    ] = None,
    name: Annotated[str, typer.Option(help="Of the artifact; METHOD-LANGUAGE by default.")] = "",
    encoder: EncoderName = "",
    corpus: Annotated[
        str, typer.Option(help=f"{defaults.CORPUS} by default, or a folder, file or data set `owner/name` of captions.")
    ] = "",
    image_column: ImageColumn = "",
    caption_column: CaptionColumns = None,
    held_out_share: HeldOutShare = defaults.HELD_OUT_SHARE,
    recipe: RecipeName = "",
    sets: Sets = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Updates over all phases; the recipe's own by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="All randomness follows from it.")] = 0,
    accumulate: Annotated[
        int, typer.Option(min=1, help="Take each batch in so many parts: less memory, same gradient.")
    ] = 1,
    english_share: Annotated[
        float, typer.Option(min=0, max=0.95, help="Share of English draws, so that English is kept.")
    ] = defaults.ENGLISH_SHARE,
    temperature: Annotated[
        float, typer.Option(min=0.1, help="Languages with n texts are drawn like n^(1/temperature).")
    ] = defaults.TEMPERATURE,
    device: Device = "",
    sample_every: Annotated[
        int, typer.Option(min=0, help="Draw a few prompts every so many updates of a phase; 0, the default, never.")
    ] = 0,
    sample_prompt: Annotated[
        list[str] | None, typer.Option(help="Draw this text, too; again for more. Needs --sample-every.")
    ] = None,
    price_per_hour: Annotated[
        float, typer.Option(min=0, help="Of one device in dollars, for the cost in the card.")
    ] = 0.0,
    push: Annotated[bool, typer.Option("--push", help="Publish what was trained.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; below LocalHub's home by default.")] = None,
    evaluate: Annotated[bool, typer.Option("--evaluate/--no-evaluate", help="Measure it for its card.")] = True,
    n: Annotated[int, typer.Option(min=1, help="Prompts per language and split when measuring.")] = 128,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a language module for a frozen base."""
    if sample_prompt and not sample_every:
        raise InvalidRequest("when shall `--sample-prompt` be drawn? Say `--sample-every 100`, for every 100 updates.")
    order = request_from_options(
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
            order, hub, name=name, out=out, sample=sample, price_per_hour=price_per_hour,
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
    name: Annotated[str, typer.Argument(help="A base, a module or an encoder.")],
    base: Annotated[str, typer.Option(help="On which base a module is judged; its first by default.")] = "",
    benchmark: Annotated[
        list[str] | None, typer.Option(help="emoji-generation, emoji-retrieval …; again for more.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="seen, pairs, languages, combinations, validation.")] = None,
    lang: Annotated[
        list[str] | None, typer.Option(help="Languages of the prompts; the artifact's own by default.")
    ] = None,
    corpus: Annotated[str, typer.Option(help="Whose prompts.")] = defaults.CORPUS,
    image_column: ImageColumn = "",
    caption_column: CaptionColumns = None,
    held_out_share: HeldOutShare = defaults.HELD_OUT_SHARE,
    n: Annotated[int, typer.Option(min=0, help="Prompts per language and split; 0 means all.")] = 256,
    seed: Annotated[int, typer.Option(help="Chooses prompts and noise.")] = 0,
    device: Device = "",
    push: Annotated[bool, typer.Option("--push", help="Write the scores into the card and publish it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Measure a base, a module or an encoder."""
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
