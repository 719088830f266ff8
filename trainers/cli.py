"""`hub train` and `hub evaluate`. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.errors import MissingExtra, WrongRequest
from trainers import defaults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.records import Score
    from trainers.changes import Changes

PictureColumn = Annotated[str, typer.Option(help="Column of the pictures in a corpus of your own.")]
CaptionColumns = Annotated[
    list[str] | None, typer.Option(help="LANGUAGE=COLUMN of captions in it; again for more. English is needed.")
]
RecipeName = Annotated[
    str, typer.Option(help="A YAML file, or one of trainers/recipes by name: defaults for all of this.")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE in the recipe: batch_size=8, denoise.empty_share=0.2.")
]
HeldOutShare = Annotated[float, typer.Option(min=0, max=0.5, help="Share of its pictures never trained on.")]


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
    encoder: Annotated[str, typer.Option(help=f"The frozen multilingual encoder; {defaults.ENCODER} by default.")] = "",
    corpus: Annotated[
        str, typer.Option(help=f"{defaults.CORPUS} by default, or a folder, file or data set `owner/name` of captions.")
    ] = "",
    picture_column: PictureColumn = "",
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
    device: Annotated[str, typer.Option(help="cuda or cpu; cuda where there is one by default.")] = "",
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
    from hub.languages import parse_language

    languages = tuple(dict.fromkeys(parse_language(text) for text in lang or []))
    if not languages:
        raise WrongRequest("which language? Name one or more, such as `--lang yo`.")
    if sample_prompt and not sample_every:
        raise WrongRequest("when shall `--sample-prompt` be drawn? Say `--sample-every 100`, for every 100 updates.")
    check_device(device)
    prepare_libraries()
    from hub.local import LocalHub
    from hub.names import ArtifactName
    from trainers import publishing
    from trainers.corpora.captioned import Columns
    from trainers.samples import SampleOrder
    from trainers.training import Order, train_module

    base, encoder, corpus, changes = as_written(method, recipe, sets or [], base, encoder, corpus)
    order = Order(
        method=method, base=base, encoder=encoder, corpus=corpus, languages=languages, english_share=english_share,
        temperature=temperature, steps=steps, seed=seed, device=device or None, accumulation=accumulate,
        recipe=recipe, sets=tuple(sets or ()), changes=changes,
        columns=Columns.parse(picture_column, caption_column or [], held_out_share),
    )  # fmt: skip
    hub = LocalHub.open()
    try:
        full = ArtifactName.parse(name or publishing.default_name(method, languages), hub.home.owner)
        folder = out or hub.home.runs / full.name
        trained = train_module(
            order,
            hub,
            folder,
            resume=resume,
            quiet=as_json,
            sample=SampleOrder(sample_every, tuple(sample_prompt or ())),
        )
        if trained.rank:
            return  # Another process writes what all of them learnt.
        cost = publishing.Cost(trained.device_seconds, price_per_hour)
        artifact = folder / full.name
        publishing.export(trained, artifact, cost)
        publishing.write_module_card(trained, artifact, cost, ())
        scores: Sequence[Score] = ()
        if evaluate:
            from trainers.scoring import Asked, compare, trained_subject

            subject = trained_subject(trained, full.name, artifact, hub)
            asked = Asked(("emoji-generation",), ("seen", "pairs", "held-out"), languages, n)
            scores = compare(subject, asked, trained.corpus, hub, quiet=as_json)
            publishing.write_module_card(trained, artifact, cost, scores)
        revision = (
            publishing.push(artifact, str(full), hub, f"Train {method} for {', '.join(languages)}") if push else None
        )
    finally:
        hub.close()
    if as_json:
        outcome = {
            "name": str(full), "folder": str(artifact), "seconds": trained.seconds, "losses": trained.losses,
            "device_seconds": cost.device_seconds, "money": cost.money, "weights": trained.weights,
            "revision": revision.id if revision else "", "scores": _rows(scores),
        }  # fmt: skip
        typer.echo(json.dumps(outcome, ensure_ascii=False))
        return
    _print_scores(scores)
    price = f", {cost.money:.4f} $ at {price_per_hour:g} $ an hour" if price_per_hour else ""
    typer.echo(f"{full}: {trained.weights / 1e6:.2f}M weights in {cost.device_seconds:.0f} device-seconds{price}.")
    typer.echo(
        f"It lies in {artifact}."
        + (f" Published as revision {revision.id[:12]}." if revision else " Publish it with `hub push`.")
    )


def as_written(
    method: str, recipe: str, sets: Sequence[str], base: str, encoder: str, corpus: str
) -> tuple[str, str, str, Changes]:
    """Base, encoder, corpus and changes: as typed, else as the recipe has it, else the lab's. Refused before anything is opened."""
    from trainers.changes import Changes
    from trainers.methods import get_plan
    from trainers.recipe_file import RecipeFile, read_recipe

    written = read_recipe(recipe) if recipe else RecipeFile("", method, Changes())
    if written.method != method:
        raise WrongRequest(
            f"the recipe `{recipe}` is for `{written.method}`: `hub train {written.method} --recipe {recipe}`."
        )
    changes = written.changes.with_sets(sets)
    changes.apply(get_plan(method), what=f"recipe {recipe}" if recipe else f"`{method}`")
    return (
        base or written.base or defaults.BASE,
        encoder or written.encoder or defaults.ENCODER,
        corpus or written.corpus or defaults.CORPUS,
        changes,
    )


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
    picture_column: PictureColumn = "",
    caption_column: CaptionColumns = None,
    held_out_share: HeldOutShare = defaults.HELD_OUT_SHARE,
    n: Annotated[int, typer.Option(min=0, help="Prompts per language and split; 0 means all.")] = 256,
    seed: Annotated[int, typer.Option(help="Chooses prompts and noise.")] = 0,
    device: Annotated[str, typer.Option(help="cuda or cpu; cuda where there is one by default.")] = "",
    push: Annotated[bool, typer.Option("--push", help="Write the scores into the card and publish it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Measure a base, a module or an encoder."""
    from hub.languages import parse_language

    languages = tuple(dict.fromkeys(parse_language(text) for text in lang or []))
    check_device(device)
    prepare_libraries()
    from hub.local import LocalHub
    from trainers.corpora import open_corpus
    from trainers.corpora.captioned import Columns
    from trainers.evaluation import get_evaluator
    from trainers.scoring import Asked, ask, benchmark_of, subject_of
    from trainers.sources import find_base, picture_side

    hub = LocalHub.open()
    try:
        artifact = hub.registry.get(name)
        columns = Columns.parse(picture_column, caption_column or [], held_out_share)
        on = base or next(iter(artifact.bases), "") or (str(artifact.name) if artifact.kind == "base" else "")
        side = picture_side(find_base(on, hub).folder) if on and caption_column else 224
        opened = open_corpus(corpus, columns, side)
        benchmarks = tuple(benchmark or [benchmark_of(artifact)])
        for each in benchmarks:
            get_evaluator(each)
        own = tuple(tag for tag in artifact.languages if tag in opened.languages) or ("en",)
        asked = Asked(benchmarks, tuple(split or ["seen"]), languages or own, n, seed)
        scores = ask(subject_of(artifact, base, hub, device or None), asked, opened, hub, quiet=as_json)
        if push:
            from trainers.publishing import publish_scores

            revision = publish_scores(artifact, scores, hub)
            if not as_json:
                typer.echo(f"{artifact.name}: published as revision {revision.id[:12]}.")
    finally:
        hub.close()
    if as_json:
        typer.echo(json.dumps(_rows(scores), ensure_ascii=False))
    else:
        _print_scores(scores)


def check_device(device: str) -> None:
    """WrongRequest for what is no device."""
    if device not in {"", "cpu", "cuda"}:
        raise WrongRequest(f"no device is called `{device}`: use `cpu` or `cuda`.")


def prepare_libraries() -> None:
    """MissingExtra when what training needs is not installed; else leave progress bars to the phases."""
    from importlib.util import find_spec

    if missing := [
        each
        for each in ("torch", "diffusers", "transformers", "accelerate", "tqdm", "pyarrow")
        if find_spec(each) is None
    ]:
        raise MissingExtra("train", f"training and evaluating ({', '.join(missing)} not installed)")
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for logging in (diffusers_logging, transformers_logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()  # a raw prompt in another script is longer than the base reads: that is the point


def _rows(scores: Sequence[Score]) -> list[dict[str, object]]:
    from dataclasses import asdict

    return [asdict(score) for score in scores]


def _print_scores(scores: Sequence[Score]) -> None:
    from hub.cli.scores import sentence

    for score in scores:
        typer.echo(sentence(score))
