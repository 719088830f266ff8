"""Options shared by `hub train`, `hub evaluate` and `hub cache`, and the request they make. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.errors import InvalidRequest, MissingExtra
from trainers import defaults

if TYPE_CHECKING:
    from trainers.recipes.overrides import Overrides
    from trainers.run import RunRequest

ImageColumn = Annotated[str, typer.Option(help="Column of the images in your own corpus.")]
CaptionColumns = Annotated[
    list[str] | None,
    typer.Option(help="LANGUAGE=COLUMN of captions in your own corpus; repeat for several. English is required."),
]
RecipeName = Annotated[
    str, typer.Option(help="Recipe with defaults for all options: a YAML file, or the name of one in trainers/recipes.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Override KEY=VALUE in the recipe, such as batch_size=8 or denoise.empty_share=0.2; repeat for several.",
    ),
]
HeldOutShare = Annotated[float, typer.Option(min=0, max=0.5, help="Share of the images held out from training.")]
Device = Annotated[str, typer.Option(help="Device: cuda or cpu (default: cuda if available).")]
EncoderName = Annotated[str, typer.Option(help=f"Frozen multilingual text encoder (default: {defaults.ENCODER}).")]


def request_from_options(
    method: str,
    *,
    base: str,
    encoder: str,
    corpus: str,
    lang: Sequence[str] | None,
    image_column: str,
    caption_column: Sequence[str] | None,
    held_out_share: float,
    recipe: str,
    sets: Sequence[str] | None,
    device: str,
    **rest: Any,
) -> RunRequest:
    """Return the run request that the options describe; `rest` holds further fields of it.

    Raises InvalidRequest before anything is opened.
    """
    languages = languages_of(lang)
    if not languages:
        raise InvalidRequest("missing --lang: name at least one language, such as `--lang yo`.")
    check_device(device)
    prepare_libraries()
    from trainers.corpora.captioned import Columns
    from trainers.run import RunRequest

    base, encoder, corpus, changes = as_written(method, recipe, sets or [], base, encoder, corpus)
    return RunRequest(
        method=method, base=base, encoder=encoder, corpus=corpus, languages=languages, device=device or None,
        recipe=recipe, sets=tuple(sets or ()), changes=changes,
        columns=Columns.parse(image_column, caption_column or [], held_out_share), **rest,
    )  # fmt: skip


def as_written(
    method: str, recipe: str, sets: Sequence[str], base: str, encoder: str, corpus: str
) -> tuple[str, str, str, Overrides]:
    """Return base, encoder, corpus and overrides: from the options, then from the recipe, then the defaults.

    Raises InvalidRequest, UnknownMethod or UnknownRecipe before anything is opened.
    """
    from trainers.methods import get_plan
    from trainers.recipes.overrides import Overrides
    from trainers.recipes.recipe_file import RecipeFile, read_recipe

    written = read_recipe(recipe) if recipe else RecipeFile("", method, Overrides())
    if written.method != method:
        raise InvalidRequest(
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


def languages_of(lang: Sequence[str] | None) -> tuple[str, ...]:
    """Return the BCP-47 tags of `--lang` without duplicates. Raises UnknownLanguage."""
    from hub.languages import parse_language

    return tuple(dict.fromkeys(parse_language(text) for text in lang or []))


def check_device(device: str) -> None:
    """Raise InvalidRequest unless `device` is cpu, cuda or empty."""
    if device not in {"", "cpu", "cuda"}:
        raise InvalidRequest(f"unknown device `{device}`: choose cpu or cuda.")


def prepare_libraries() -> None:
    """Silence the libraries' own progress bars. Raises MissingExtra if a package that training needs is not installed."""
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
        logging.set_verbosity_error()  # raw prompts in other scripts exceed the base's length on purpose
