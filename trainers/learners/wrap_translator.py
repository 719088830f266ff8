"""Wrap a translation model of transformers as an artifact, unchanged: MarianMT, NLLB, M2M100, T5 …

python -m trainers.learners.wrap_translator opus-mt-yo-en --base sd15 --lang yo --out opus-yo
python -m trainers.learners.wrap_translator nllb-200 --base sd15 --lang yo --source yor_Latn --target eng_Latn --out nllb-yo
hub push opus-yo
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from transformers import AutoConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES

from hub.bases.family import conditioning_of
from hub.cards import Card, write_card
from hub.errors import DoesNotFit, UnknownFile
from hub.languages import language_name, parse_language
from hub.loader.modules.translator import ARCHITECTURE, FOLDER
from hub.local import LocalHub
from trainers import defaults
from trainers.frozen.find_frozen import find_base

NEW_TOKENS = 77
"""Stable Diffusion's token limit for prompts."""
PICKLES = {".bin", ".pt", ".h5", ".ckpt", ".msgpack", ".ot"}


def wrap(
    model: Path,
    folder: Path,
    *,
    base: str,
    languages: tuple[str, ...],
    hub: LocalHub,
    source: str = "",
    target: str = "",
    license: str = "other",
) -> Path:
    """Write card and variant to `folder`, for `load_pipeline` and `hub push`, and return it.

    `source` is the tokenizer's code of the prompts' language, `target` the token that selects English; models of one
    language pair have neither. Raises `UnknownFile` without config.json, `DoesNotFit` for a model that cannot translate.
    """
    if not (model / "config.json").is_file():
        raise UnknownFile(f"{model.name}/config.json")
    kind = AutoConfig.from_pretrained(model, trust_remote_code=False).model_type
    if kind not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        raise DoesNotFit(
            f"`{model.name}` is a {kind}, which cannot translate: use an encoder-decoder such as `opus-mt-mul-en`."
        )
    found = find_base(base, hub)
    given = conditioning_of(found.folder)
    variant = folder / found.short_name
    shutil.copytree(
        model, variant / FOLDER, ignore=lambda _, names: [each for each in names if Path(each).suffix in PICKLES]
    )
    rule = {"prefix": "", "drop": [], "length": NEW_TOKENS}
    config = {
        "format": 1,
        "kind": "adapter",
        "method": "translate",
        "architecture": ARCHITECTURE,
        "module": {"new_tokens": NEW_TOKENS, "source": source, "target": target},
        "base": asdict(found.pin),
        "encoder": None,
        "conditioning": asdict(given),
        "prompt": {**rule, "negative": rule, "empty": "encode"},
        "languages": list(languages),
        "run": {},
        "parent": "",
    }
    (variant / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    names = ", ".join(language_name(tag) for tag in languages)
    card = Card(
        kind="adapter",
        summary=f"{names} for {found.short_name}: prompts are translated to English by {model.name}.",
        license=license,
        languages=languages,
        method="translate",
        bases=(found.pin.name,),
        tags=("language-module", ARCHITECTURE),
        prose=f"# {folder.name}\n\n`{model.name}`, unchanged. Not measured yet: run `hub evaluate`.",
    )
    write_card(card, folder)
    return folder


def main(
    model: Annotated[Path, typer.Argument(help="Folder of the translation model.")],
    out: Annotated[Path, typer.Option(help="Folder of the artifact.")],
    lang: Annotated[list[str], typer.Option(help="Language of the prompts; repeat for several.")],
    base: Annotated[str, typer.Option(help="Frozen base.")] = defaults.BASE,
    source: Annotated[str, typer.Option(help="The tokenizer's code of that language, such as `yor_Latn`.")] = "",
    target: Annotated[str, typer.Option(help="Token that selects English, such as `eng_Latn`.")] = "",
    license: Annotated[str, typer.Option(help="SPDX identifier of the model's license.")] = "other",
) -> None:
    """Wrap a translation model as an artifact."""
    languages = tuple(dict.fromkeys(parse_language(text) for text in lang))
    with LocalHub.open() as hub:
        wrap(model, out, base=base, languages=languages, hub=hub, source=source, target=target, license=license)
    typer.echo(f"Saved to {out}. Publish it with `hub push`.")


if __name__ == "__main__":
    typer.run(main)
