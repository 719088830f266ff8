"""Read prompts as English phrases of a memory, for the base's own text encoder.

A prompt is cut at its punctuation, and its parts are read as their nearest phrases, so that a prompt can combine phrases that the
memory only knows separately. Some names contain punctuation themselves: parts that are nearer to a phrase together are read
together. The result is English text, so it can be shown (`pipe.translations`), and the base's own encoder turns it into embeddings
that the denoiser was trained on.

Shape letters: B texts, P phrases, E width of all encoders together.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers.initialization import no_init_weights

from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DamagedFile, DoesNotFit, UnknownFile
from hub.loader.modules.module_config import WEIGHTS, ModuleConfig
from hub.systems.architectures import build
from hub.systems.phrase_memory import PhraseMemory
from hub.weights.strict import load_weights

ARCHITECTURE = "phrase-memory"
PHRASES = "phrases.json"
"""File of the variant with the phrases, a JSON list in the order of the keys."""
LONGEST = 4
"""Most parts that are read together."""
BATCH_SIZE = 64
"""Texts that the encoders read at once: a long prompt has many parts."""
PUNCTUATION = {
    ",": ", ", ";": "; ", ":": ": ", "،": ", ", "؛": "; ", "，": ", ", "、": ", ", "；": "; ", "：": ": ", "።": ". ", "፣": ", ", "፤": "; ",
    "፦": ": ", "。": ". ", "।": ". ",
}  # fmt: skip
"""Punctuation between parts → the same in English."""
_CUT = re.compile(r"\s*(?:([,;:])(?=[\s,;:]|$)|([،؛，、；：።፣፤፦。।]))\s*")


def cut(text: str) -> list[str]:
    """Return the parts of a text and the English punctuation between them: `["cœur", ": ", "peau mate"]`."""
    pieces: list[str] = []
    start = 0
    for found in _CUT.finditer(text := text.strip()):
        if part := text[start : found.start()]:
            pieces += [part, PUNCTUATION[found[1] or found[2]]]
        start = found.end()
    return [*pieces, text[start:]] if start < len(text) else pieces[:-1]


@dataclass(frozen=True, slots=True, eq=False)
class PhraseReader:
    """A memory of English phrases and the encoders that search it."""

    model: PhraseMemory
    phrases: tuple[str, ...]
    encoder: Callable[[], TextEncoder | JoinedEncoder]
    """Returns the encoders, reloading those that were freed."""
    length: int
    """Tokens that a run of parts is truncated to."""

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        config: ModuleConfig,
        encoder: Callable[[], TextEncoder | JoinedEncoder],
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        what: str,
    ) -> PhraseReader:
        """Load the variant in `folder`; `what` names it in messages.

        Raises DoesNotFit for encoders of other widths, UnknownFile, DamagedFile and WeightsDoNotFit.
        """
        with torch.device("meta"), no_init_weights():
            model = build(ARCHITECTURE, config.module)
        assert isinstance(model, PhraseMemory)
        phrases = _read_phrases(folder / PHRASES, what)
        if len(phrases) != config.module["phrases"]:
            raise DamagedFile(
                f"`{what}` has {len(phrases)} phrases, and its config names {config.module['phrases']}. "
                f"Fetch it again with `hub pull {what}`."
            )
        found = encoder()
        widths = tuple(part.width for part in (found.parts if isinstance(found, JoinedEncoder) else (found,)))
        if widths != model.widths:
            raise DoesNotFit(
                f"`{what}` searches with encoders of the widths {list(model.widths)}, and its encoders have {list(widths)}. "
                f"Use the encoders that it was trained on: `hub show {what}` names them."
            )
        load_weights(model, folder / WEIGHTS, what=what, device=device, dtype=dtype)
        return cls(model.eval().requires_grad_(False), phrases, encoder, config.positive.length)

    @torch.no_grad()
    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return what each text is read as, in English."""
        lines = [cut(text) for text in texts]
        spans = list(dict.fromkeys(span for line in lines for _, _, span in _spans(line)))
        if not spans:
            return [""] * len(texts)
        nearest = self.similarities(spans).max(dim=1)
        found = {
            span: (similarity, self.phrases[place])
            for span, similarity, place in zip(spans, *(each.tolist() for each in nearest), strict=True)
        }
        return [_read(line, found) for line in lines]

    @torch.no_grad()
    def similarities(self, texts: Sequence[str]) -> Tensor:
        """Return the similarity of each whole text to each phrase, (B, P)."""
        weight, encoder = self.model.keys_PE, self.encoder()
        found = []
        for first in range(0, len(texts), BATCH_SIZE):
            tokens_B1E, _ = encoder.encode(texts[first : first + BATCH_SIZE], self.length)
            found.append(self.model(tokens_B1E[:, 0].to(weight.device, weight.dtype)))
        return torch.cat(found)


def _spans(line: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return the runs of up to LONGEST parts of a line: the numbers of the first and after the last, and their text."""
    count = (len(line) + 1) // 2
    ends = [(first, last) for first in range(count) for last in range(first + 1, min(first + LONGEST, count) + 1)]
    return [(first, last, "".join(line[2 * first : 2 * last - 1])) for first, last in ends]


def _read(line: Sequence[str], found: Mapping[str, tuple[float, str]]) -> str:
    """Return the phrases of the runs whose similarities, weighted by their lengths, have the largest sum."""
    count = (len(line) + 1) // 2
    best: list[tuple[float, str]] = [(0.0, ""), *[(-math.inf, "")] * count]
    for first, last, text in _spans(line):
        similarity, phrase = found[text]
        total = best[first][0] + similarity * len(text)
        if total > best[last][0]:
            punctuation = line[2 * last - 1] if last < count else ""
            best[last] = total, best[first][1] + phrase + punctuation
    return best[count][1].strip()


def _read_phrases(path: Path, what: str) -> tuple[str, ...]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UnknownFile(path.name, listing=f"hub show {what}") from error
    except (OSError, ValueError) as error:
        raise DamagedFile(
            f"{path.name} of `{what}` cannot be read ({error}). Fetch it again with `hub pull {what}`."
        ) from error
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise DamagedFile(f"{path.name} of `{what}` is not a list of phrases. Fetch it again with `hub pull {what}`.")
    return tuple(found)
