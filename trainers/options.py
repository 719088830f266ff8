"""Options that `hub train`, `hub evaluate`, `hub rescore` and `hub cache` share, and the request they make. Torch is not imported here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.errors import InvalidRequest, MissingExtra
from hub.plugins import check_name
from trainers import defaults
from trainers.evaluation.data_task import DataOptions
from trainers.methods import GROUP as METHOD_GROUP
from trainers.methods import METHODS

if TYPE_CHECKING:
    from hub.local import LocalHub
    from trainers.recipes.overrides import Overrides
    from trainers.run import RunRequest

ENGINES = ("local", "ray")
"""Values of `--engine`."""
ImageColumn = Annotated[
    str, typer.Option(help="Image column of a captioned corpus.  [default: the format's usual one]")
]
CaptionColumns = Annotated[
    list[str] | None,
    typer.Option(help="Caption column as LANGUAGE=COLUMN; repeat for several. English is required; rows may lack it."),
]
NativeColumn = Annotated[
    str,
    typer.Option(
        help="Column that marks native rows, whose captions are not translations: true or false, or the tag of a language."
    ),
]
RecipeName = Annotated[str, typer.Option(help="Recipe file (YAML), or the name of a bundled recipe.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Recipe setting as KEY=VALUE, such as batch_size=8 or denoise.empty_share=0.2; repeat for several.",
    ),
]
HeldOutShare = Annotated[
    float, typer.Option(min=0, max=0.5, help="Share of a captioned corpus that is held out from training.")
]
Device = Annotated[str, typer.Option(help="Device, cuda or cpu.  [default: cuda if available]")]
EncoderName = Annotated[
    str,
    typer.Option(
        help=f"Frozen multilingual encoder; `memory` takes several, joined by `+`.  [default: the method's, mostly {defaults.ENCODER}]"
    ),
]

DataPlace = Annotated[
    str,
    typer.Option(help="Data of a published benchmark: a folder, or a dataset `owner/name` of the Hugging Face Hub."),
]
JudgeName = Annotated[
    str, typer.Option(help="Dual encoder that judges images in published benchmarks: a name or a folder.")
]
Steps = Annotated[
    int, typer.Option(min=0, help="Denoising steps in published benchmarks (0 = the pipeline's default).")
]
Guidance = Annotated[
    float | None, typer.Option(min=0, help="Guidance scale in published benchmarks.  [default: the pipeline's]")
]


def check_names(hub: LocalHub, *, base: str = "", encoder: str = "") -> None:
    """Check that a base and encoders, as given, exist, before torch is imported. Raises `UnknownBase` and `UnknownArtifact`."""
    from hub.errors import InvalidName, UnknownArtifact, UnknownBase
    from hub.publish.composition import base_names, is_path, is_repository
    from hub.records import split_names

    if base and not is_path(base) and not hub.registry.base_named(base):
        try:
            hub.registry.get(base)
        except (UnknownArtifact, InvalidName) as error:  # For some methods, a dual encoder is the base.
            if not is_repository(base):
                raise UnknownBase(base, base_names(hub.registry), meant=getattr(error, "suggestions", ())) from error
    for each in split_names(encoder) if not Path(encoder).is_dir() else ():
        hub.registry.get(each)


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
    native_column: str = "",
    recipe: str,
    sets: Sequence[str] | None,
    device: str,
    english_share: float | None = None,
    temperature: float | None = None,
    **rest: Any,
) -> RunRequest:
    """Return the request that the options describe; `rest` are further fields of it.

    None as `english_share` or `temperature` is the recipe's value, else the default.

    Raises `InvalidRequest`, `UnknownLanguage`, `UnknownMethod` and `UnknownRecipe` before anything is opened.
    """
    languages = parse_languages(lang)
    if not languages:
        raise InvalidRequest("missing --lang: name at least one language, for example `--lang yo`.")
    check_device(device)
    check_name(METHOD_GROUP, method, METHODS)
    prepare_libraries()
    from trainers.corpora.columns import Columns
    from trainers.run import RunRequest

    base, encoder, corpus, changes = apply_recipe(method, recipe, sets or [], base, encoder, corpus)
    english_share, temperature = changes.mixture_with(english_share, temperature)
    return RunRequest(
        method=method, base=base, encoder=encoder, corpus=corpus, languages=languages, device=device or None,
        recipe=recipe, sets=tuple(sets or ()), changes=changes,
        columns=Columns.parse(image_column, caption_column or [], held_out_share, native_column),
        english_share=english_share, temperature=temperature, **rest,
    )  # fmt: skip


def apply_recipe(
    method: str, recipe: str, sets: Sequence[str], base: str, encoder: str, corpus: str
) -> tuple[str, str, str, Overrides]:
    """Return base, encoder, corpus and overrides: as given, else from the recipe, else the defaults.

    Raises `UnknownMethod`, `UnknownRecipe`, and `InvalidRequest` for a recipe of another method or an unknown setting.
    """
    from trainers.methods import get_plan
    from trainers.recipes.overrides import Overrides
    from trainers.recipes.recipe_file import RecipeFile, read_recipe

    written = read_recipe(recipe) if recipe else RecipeFile("", method, Overrides())
    if written.method != method:
        raise InvalidRequest(
            f"the recipe `{recipe}` is for `{written.method}`: run `hub train {written.method} --recipe {recipe}`."
        )
    changes = written.changes.with_sets(sets)
    changes.apply(get_plan(method), what=f"recipe {recipe}" if recipe else f"`{method}`")
    return (
        base or written.base or defaults.BASE,
        encoder or written.encoder or get_plan(method).encoder,
        corpus or written.corpus or defaults.CORPUS,
        changes,
    )


def parse_languages(lang: Sequence[str] | None) -> tuple[str, ...]:
    """Return the BCP-47 tags of `--lang`, without duplicates. Raises `UnknownLanguage`."""
    from hub.languages import parse_language

    return tuple(dict.fromkeys(parse_language(text) for text in lang or []))


def check_device(device: str, *, takes_index: bool = False) -> None:
    """Check that a device is empty, `cpu` or `cuda`, or `cuda:1` if it `takes_index`. Raises `InvalidRequest`."""
    name = device.partition(":")[0] if takes_index and re.fullmatch(r"cuda:\d+", device) else device
    if name not in {"", "cpu", "cuda"}:
        raise InvalidRequest(f"unknown device `{device}`: choose cpu or cuda{' or cuda:1' if takes_index else ''}.")


def check_current(name: str) -> None:
    """Raise `InvalidRequest` for a name with a revision: scores are those of the current one."""
    if "@" in name:
        raise InvalidRequest(
            f"`{name}` names a revision, and scores are measured on the current one: leave `@{name.partition('@')[2]}` out."
        )


def check_engine(engine: str) -> None:
    """Check that an engine is `local` or `ray`. Raises `InvalidRequest`."""
    if engine not in ENGINES:
        raise InvalidRequest(f"unknown engine `{engine}`: choose {' or '.join(ENGINES)}.")


def prepare_libraries() -> None:
    """Check that the training libraries are installed, and silence their progress bars. Raises `MissingExtra`."""
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
        logging.set_verbosity_error()  # Prompts in other scripts are often longer than the base's limit, as expected.


def data_options(
    *,
    data: str,
    judge: str,
    steps: int,
    guidance: float | None,
    device: str,
    metrics: Sequence[str] = (),
    force: bool = False,
    keep: Path | None = None,
    **rest: Any,
) -> DataOptions:
    """Return the options of benchmarks from those of the command line; `rest` are further fields.

    Raises `InvalidRequest` for numbers that are not finite.
    """
    for name, value in (("--guidance", guidance), ("--price-per-hour", rest.get("price_per_hour"))):
        if value is not None and not math.isfinite(value):
            raise InvalidRequest(f"{name} is {value}: give a finite number.")
    return DataOptions(
        place=data, judge=judge, metrics=tuple(dict.fromkeys(metrics)), steps=steps or None, guidance=guidance, force=force,
        keep=keep, device=device or None, **rest,
    )  # fmt: skip
