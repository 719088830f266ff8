"""Write cards in Hugging Face's format."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hub.cards.card import FILE, NAMESPACE, Card
from hub.cards.front_matter import split_front_matter
from hub.cards.licenses import for_front_matter
from hub.cards.model_index import to_result
from hub.cards.yaml_values import write_yaml
from hub.errors import Unreachable
from hub.records import Upstream

_TASK = {"encoder": "feature-extraction", "dataset": None}
"""Hugging Face's `pipeline_tag` by kind; text-to-image for all others."""


def write_card(card: Card, path: Path, title: str = "") -> None:
    """Write `card` to `path`, a README.md or its folder, atomically. Raises Unreachable.

    `title` names the entry of `model-index` (default: the folder's name). Other keys of an existing card (`datasets`,
    `widget` …) are kept.
    """
    file = path / FILE if path.is_dir() or path.suffix != ".md" else path
    kept = split_front_matter(file.read_text(encoding="utf-8-sig"))[0] if file.is_file() else {}
    text = render(card, title or file.parent.name, kept)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".") as unfinished:
            written = Path(unfinished) / FILE
            written.write_text(text, encoding="utf-8")
            written.replace(file)  # Readers see the old card or the new one.
    except OSError as error:
        raise Unreachable(f"cannot write {file}: {error.strerror}.") from error


def render(card: Card, title: str, kept: dict[str, Any] | None = None) -> str:
    """Return the text of README.md. `title` names the entry of `model-index`; `kept` are other keys."""
    from huggingface_hub.repocard_data import ModelCardData

    task = _TASK.get(card.kind, "text-to-image")
    front_matter: dict[str, Any] = {
        "language": list(card.languages) if len(card.languages) != 1 else card.languages[0],
        "license": for_front_matter(card.license),
        "license_name": card.terms.name or None,
        "license_link": card.terms.link or None,
        "library_name": NAMESPACE,
        "pipeline_tag": task,
        "base_model": list(card.bases) or None,
        "tags": list(card.tags) or None,
        "model_name": title if card.scores else None,
        "eval_results": [to_result(score, task or "text-to-image") for score in card.scores] or None,
        NAMESPACE: _ours(card),
    }
    others = {key: value for key, value in (kept or {}).items() if key not in {*front_matter, "model-index"}}
    data = ModelCardData(**front_matter, **others).to_dict()  # type: ignore[no-untyped-call]
    ordered = {key: data.pop(key) for key in (*front_matter, "model-index") if key in data} | data
    return f"---\n{write_yaml(ordered)}\n---\n\n{card.prose.strip()}\n"


def _ours(card: Card) -> dict[str, Any]:
    parts = {
        "kind": card.kind,
        "summary": card.summary,
        "method": card.method,
        "encoder": card.encoder,
        "owner": card.owner,
        "aliases": list(card.aliases),
        "trained_languages": list(card.trained_languages),
        "conditioning": card.conditioning.as_json() if card.conditioning else None,
        "upstream": [_upstream(each) for each in card.upstream],
        "parameters": dict(card.parameters),
        "gated": card.gated,
        "commercial_use": card.terms.commercial_use,
    }
    return {key: value for key, value in parts.items() if value}


def _upstream(upstream: Upstream) -> dict[str, Any]:
    found = {key: value for key, value in asdict(upstream).items() if value not in (None, "")}
    if upstream.wheel is not None:
        found["wheel"] = {key: value for key, value in found["wheel"].items() if value is not None}
    return found
