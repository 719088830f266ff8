"""`hub train`, and `hub evaluate` of `trainers.commands`. Torch is imported only when a command runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.errors import InvalidRequest
from trainers import defaults
from trainers.commands.evaluate import evaluate, print_scores
from trainers.options import (
    CaptionColumns,
    Device,
    EncoderName,
    HeldOutShare,
    ImageColumn,
    NativeColumn,
    RecipeName,
    Sets,
    check_names,
    request_from_options,
)

if TYPE_CHECKING:
    from trainers.run import RunRequest

__all__ = ["evaluate", "train"]


def train(
    method: Annotated[
        str,
        typer.Argument(
            help="Training method: mulan, pea, token-kd, bottleneck, iap, altdiffusion, full, lora, prompt-tuning, mclip, "
            "translate …"
        ),
    ],
    base: Annotated[
        str,
        typer.Option(help=f"Frozen base (a dual encoder for mclip), by name or folder.  [default: {defaults.BASE}]"),
    ] = "",
    lang: Annotated[
        list[str] | None,
        typer.Option(help="Language to train on; repeat for several. `en` alone trains a zero-shot module."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the artifact.  [default: METHOD-LANGUAGE]")] = "",
    encoder: EncoderName = "",
    corpus: Annotated[
        str,
        typer.Option(
            help=f"Corpus: a name, or a folder, file or dataset `owner/name` with captions.  [default: {defaults.CORPUS}]"
        ),
    ] = "",
    image_column: ImageColumn = "",
    caption_column: CaptionColumns = None,
    native_column: NativeColumn = "",
    held_out_share: HeldOutShare = defaults.HELD_OUT_SHARE,
    recipe: RecipeName = "",
    sets: Sets = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Training steps over all phases; with --resume, more than before continue a finished run.  "
            "[default: from the recipe]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    accumulate: Annotated[int, typer.Option(min=1, help="Gradient accumulation steps.")] = 1,
    english_share: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.95,
            help="Share of English training examples, to preserve English.  "
            f"[default: the recipe's, else {defaults.ENGLISH_SHARE}]",
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Sampling temperature: a language with n texts has weight n^(1/temperature).  "
            f"[default: the recipe's, else {defaults.TEMPERATURE}]",
        ),
    ] = None,
    device: Device = "",
    sample_every: Annotated[
        int, typer.Option(min=0, help="Steps between sample images in each phase (0 = never).")
    ] = 0,
    sample_prompt: Annotated[
        list[str] | None, typer.Option(help="Additional sample prompt; repeat for several. Needs --sample-every.")
    ] = None,
    price_per_hour: Annotated[
        float, typer.Option(min=0, help="Price of one device in dollars per hour, for the cost in the card.")
    ] = 0.0,
    push: Annotated[bool, typer.Option("--push", help="Publish the trained artifact.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume a stopped run, or continue one with more --steps.")
    ] = False,
    parent: Annotated[
        str, typer.Option("--from", help="Module to begin from, a name or a folder.  [default: random weights]")
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Remove an earlier run in the run directory.")] = False,
    out: Annotated[Path | None, typer.Option(help="Run directory.  [default: HUB_HOME/runs/NAME]")] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Evaluate the trained artifact for its card.")
    ] = True,
    n: Annotated[
        int, typer.Option(min=1, help="Evaluation prompts per language and split; 128 for scores to publish.")
    ] = 16,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only estimate the memory, disk space, steps, device-hours and cost of the run. No weights are needed.",
        ),
    ] = False,
    pairs: Annotated[
        int, typer.Option(min=0, help="Number of image-text pairs to assume with --dry-run (0 = those of the corpus).")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a language module for a frozen base.

    The module is evaluated afterwards, and its scores are written to its card.
    """
    if sample_prompt and not sample_every:
        raise InvalidRequest("`--sample-prompt` needs `--sample-every`: for example, `--sample-every 100`.")
    if pairs and not dry_run:
        raise InvalidRequest("`--pairs` needs `--dry-run`: a run trains on the whole corpus.")
    from hub.local import LocalHub
    from hub.names import ArtifactName

    with LocalHub.open() as hub:
        ArtifactName.parse(name or "unnamed", hub.home.owner)
        check_names(hub, base=base, encoder=encoder)
    request = request_from_options(
        method, base=base, encoder=encoder, corpus=corpus, lang=lang, image_column=image_column,
        caption_column=caption_column, native_column=native_column, held_out_share=held_out_share, recipe=recipe,
        sets=sets, device=device, english_share=english_share, temperature=temperature, steps=steps, seed=seed, accumulation=accumulate,
        parent=parent,
    )  # fmt: skip
    if dry_run:
        _print_forecast(
            request, name=name, out=out, pairs=pairs, resume=resume, overwrite=overwrite,
            price_per_hour=price_per_hour, prompts=n if evaluate else 0, as_json=as_json,
        )  # fmt: skip
        return
    from trainers.samples.samples import SampleRequest
    from trainers.train_and_publish import train_and_publish

    sample = SampleRequest(sample_every, tuple(sample_prompt or ()))
    with LocalHub.open() as hub:
        outcome = train_and_publish(
            request, hub, name=name, out=out, sample=sample, price_per_hour=price_per_hour,
            prompts=n if evaluate else 0, push=push, resume=resume, overwrite=overwrite, quiet=as_json,
        )  # fmt: skip
    if outcome is None:
        return
    if as_json:
        typer.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        print_scores(outcome.scores)
        typer.echo(outcome.as_text())


def _print_forecast(request: RunRequest, *, as_json: bool, **settings: Any) -> None:
    from hub.local import LocalHub
    from trainers.forecast.dry_run import forecast_run
    from trainers.forecast.report import as_text

    with LocalHub.open() as hub:
        forecast = forecast_run(request, hub, **settings)
    typer.echo(json.dumps(forecast.as_json(), ensure_ascii=False) if as_json else as_text(forecast))
