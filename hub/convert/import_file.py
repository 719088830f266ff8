"""Convert a published file to a variant: `config.json`, weights in safetensors, and its own encoder if it has one."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.convert.formats import UNREAD, disagreements_with, recognise, tensors_to_convert
from hub.errors import InvalidRequest, Unreachable, WeightsDoNotFit
from hub.records import split_names
from hub.systems.shared.published_format import ENCODER, Files, Format, Reading
from hub.weights.untrusted import read_contents

TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "vocab.txt",
)
"""Files of a tokenizer."""
_VOCABULARIES = ("tokenizer.json", "sentencepiece.bpe.model", "spiece.model", "vocab.txt")


@dataclass(frozen=True, slots=True)
class Conversion:
    """The recognised contents of a file, and what was not converted."""

    format: Format
    reading: Reading
    base: str
    encoder: str
    left: tuple[str, ...]
    """Groups of skipped tensors, `model.encoder.clip (302 tensors)`, and skipped sections."""


def convert(
    source: Path,
    folder: Path,
    *,
    what: str,
    base: str = "",
    encoder: str = "",
    languages: tuple[str, ...] = (),
    with_encoder: bool = False,
    tokenizer: Path | None = None,
) -> Conversion:
    """Read `source` and write the variant `folder` atomically; `folder` must be missing or empty.

    `base` and `encoder` go into the configuration (default: those the format was published for). `with_encoder` also converts
    an optional text encoder in the file. A converted encoder needs its `tokenizer` folder (default: beside the file).

    Raises InvalidSource for an unknown format or contents other than tensors, DamagedFile for a corrupted file, WeightsDoNotFit with
    every mismatch, InvalidRequest without a base or tokenizer, MissingExtra without torch.
    """
    contents = read_contents(source, what=what)
    format, reading = recognise(
        {key: tuple(value.shape) for key, value in contents.tensors.items()}, what=what, with_encoder=with_encoder
    )
    kept = tensors_to_convert(format, contents.tensors)
    problems = disagreements_with(format, reading, kept)
    if problems:
        raise WeightsDoNotFit(what, [f"it was recognised as {format.title}", *problems], UNREAD)
    base, encoder = base or reading.base, encoder or reading.encoder
    reading = format.for_encoder(reading, encoder)
    if not base:
        width, pooled_width = reading.conditioning["width"], reading.conditioning["pooled_width"]
        raise InvalidRequest(
            f"cannot determine the base of `{what}`: its token width is {width}, its pooled width {pooled_width or 'none'}. "
            "Name the base with --base."
        )
    vocabulary = _tokenizer_folder(source, tokenizer, what) if reading.own_encoder else None
    published = {"format": format.name} | ({"prefix": contents.prefix} if contents.prefix else {})
    _write(folder, published, reading, format.to_variant(kept), vocabulary, base, encoder, languages)
    return Conversion(format, reading, base, encoder, (*_describe_skipped(format, contents.tensors), *contents.left))


def _write(
    folder: Path,
    published: dict[str, str],
    reading: Reading,
    files: Files,
    vocabulary: Path | None,
    base: str,
    encoder: str,
    languages: tuple[str, ...],
) -> None:
    from safetensors.torch import save_file

    from hub.weights.digest import digest_of

    pin: dict[str, Any] | list[dict[str, Any]] | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unfinished-") as scratch:
            unfinished = Path(scratch) / folder.name
            for path, tensors in files.items():
                (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
                contiguous = {key: value.contiguous().clone() for key, value in tensors.items()}
                save_file(contiguous, unfinished / path, metadata={"format": "pt"})
            if vocabulary is not None:
                inside = (unfinished / ENCODER).parent
                _write_json(inside / "config.json", reading.own_encoder)
                for name in TOKENIZER:
                    if (vocabulary / name).is_file():
                        shutil.copyfile(vocabulary / name, inside / name)
                pin = {"folder": inside.name, "digest": digest_of(inside), "readout": reading.readout}
            elif encoder:
                pin = _pins(encoder, reading)
            config = {
                "format": 1,
                "kind": reading.kind,
                "method": reading.method,
                "architecture": reading.architecture,
                "module": reading.module,
                "base": {"name": base, "digest": ""},
                "encoder": pin,
                "conditioning": reading.conditioning,
                "prompt": reading.prompt,
                "languages": list(languages) or ["mul"],
                "published": published,
                "run": {},
                "parent": "",
            }
            _write_json(unfinished / "config.json", config)
            if folder.is_dir():
                folder.rmdir()
            unfinished.rename(folder)
    except OSError as error:
        raise Unreachable(f"`{folder}` cannot be written: {error.strerror}. Nothing was saved.") from error


def _pins(encoder: str, reading: Reading) -> dict[str, Any] | list[dict[str, Any]]:
    """Return the pin of one encoder, or a list of pins for `a + b`."""
    rule = {"readout": reading.readout} | ({"sees_padding": True} if reading.sees_padding else {})
    pins = [{"name": name, "digest": "", **rule} for name in split_names(encoder)]
    return pins[0] if len(pins) == 1 else pins


def _tokenizer_folder(source: Path, given: Path | None, what: str) -> Path:
    """Return the tokenizer's folder: as given, beside `source`, or in diffusers' layout. Raises InvalidRequest."""
    folders = [given] if given is not None else [source.parent, source.parent.parent / "tokenizer"]
    for folder in folders:
        if any((folder / name).is_file() for name in _VOCABULARIES):
            return folder
    searched = " and ".join(f"`{folder}{os.sep}`" for folder in folders)
    raise InvalidRequest(
        f"`{what}` contains its text encoder, but no tokenizer was found in {searched}: name the folder of its "
        f"upstream tokenizer with --tokenizer ({', '.join(_VOCABULARIES)})."
    )


def _describe_skipped(format: Format, tensors: Any) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for key in tensors.keys() - tensors_to_convert(format, tensors).keys():
        group = ".".join(key.split(".")[:3])
        counts[group] = counts.get(group, 0) + 1
    return tuple(f"{group} ({number} tensors)" for group, number in sorted(counts.items()))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
