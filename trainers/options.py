"""Options that `hub train`, `hub evaluate` and `hub cache` share, and what they say of a run. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.errors import InvalidRequest, MissingExtra
from trainers import defaults

if TYPE_CHECKING:
    from trainers.recipes.overrides import Overrides
    from trainers.run import RunRequest

ImageColumn = Annotated[str, typer.Option(help="Column of the images in a corpus of your own.")]
CaptionColumns = Annotated[
    list[str] | None, typer.Option(help="LANGUAGE=COLUMN of captions in it; again for more. English is needed.")
]
RecipeName = Annotated[
    str, typer.Option(help="A YAML file, or one of trainers/recipes by name: defaults for all of this.")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE in the recipe: batch_size=8, denoise.empty_share=0.2.")
]
HeldOutShare = Annotated[float, typer.Option(min=0, max=0.5, help="Share of its images never trained on.")]
Device = Annotated[str, typer.Option(help="cuda or cpu; cuda where there is one by default.")]
EncoderName = Annotated[str, typer.Option(help=f"The frozen multilingual encoder; {defaults.ENCODER} by default.")]


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
    """What was typed, as an order; `rest` are further fields of it. InvalidRequest before anything is opened."""
    languages = languages_of(lang)
    if not languages:
        raise InvalidRequest("which language? Name one or more, such as `--lang yo`.")
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
    """Base, encoder, corpus and changes: as typed, else as the recipe has it, else the lab's. Refused before anything is opened."""
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
    """BCP-47 tags of `--lang`, each once."""
    from hub.languages import parse_language

    return tuple(dict.fromkeys(parse_language(text) for text in lang or []))


def check_device(device: str) -> None:
    """InvalidRequest for what is no device."""
    if device not in {"", "cpu", "cuda"}:
        raise InvalidRequest(f"no device is called `{device}`: use `cpu` or `cuda`.")


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
