"""Write XLM-R's tokenizer in transformers' layout: `tokenizer.json` and its settings.

The steps are those of transformers' `XLMRobertaTokenizer`: a character map, words at white space, `▁` before each word, a unigram
model, and `<s> … </s>` around the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.convert.charsmap import compositions, encode_charsmap

MASK = "<mask>"
_METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The pieces of a unigram model, and how texts are normalised before."""

    pieces: Sequence[str]
    """The id of a piece is its position."""
    scores: Sequence[float]
    """Logarithms of probabilities; 0 for special tokens."""
    bos: int
    eos: int
    pad: int
    unk: int
    replacements: Mapping[str, str]
    """Characters and what replaces them; an empty text removes one."""

    def special(self) -> dict[str, int]:
        """Return the special tokens and their ids, including `<mask>` if there is one."""
        ids = [self.bos, self.pad, self.eos, self.unk]
        if self.pieces[-1] == MASK:
            ids.append(len(self.pieces) - 1)
        return {self.pieces[each]: each for each in ids}


def tokenizer_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the content of tokenizer.json.

    Single replacements are completed by the pairs of letter and mark that Unicode composes, which XLM-R's map has, too.
    """
    bos, eos = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]
    charsmap = encode_charsmap({**vocabulary.replacements, **compositions(vocabulary.replacements)})
    begin, end = ({"SpecialToken": {"id": token, "type_id": 0}} for token in (bos, eos))
    text, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": number, "content": token, "single_word": False, "lstrip": token == MASK, "rstrip": False,
                "normalized": False, "special": True,
            }
            for token, number in sorted(vocabulary.special().items(), key=lambda each: each[1])
        ],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, _METASPACE]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, text, end],
            "pair": [begin, text, end, end, second, end],
            "special_tokens": {
                token: {"id": token, "ids": [number], "tokens": [token]}
                for token, number in ((bos, vocabulary.bos), (eos, vocabulary.eos))
            },
        },
        "decoder": _METASPACE,
        "model": {
            "type": "Unigram",
            "unk_id": vocabulary.unk,
            "vocab": [list(each) for each in zip(vocabulary.pieces, vocabulary.scores, strict=True)],
            "byte_fallback": False,
        },
    }  # fmt: skip


def special_tokens(vocabulary: Vocabulary) -> dict[str, str]:
    """Return the content of special_tokens_map.json."""
    named = {
        "bos_token": vocabulary.bos, "eos_token": vocabulary.eos, "cls_token": vocabulary.bos, "sep_token": vocabulary.eos,
        "unk_token": vocabulary.unk, "pad_token": vocabulary.pad,
    }  # fmt: skip
    masks = {"mask_token": MASK} if MASK in vocabulary.special() else {}
    return {name: vocabulary.pieces[number] for name, number in named.items()} | masks


def tokenizer_settings(vocabulary: Vocabulary, *, length: int) -> dict[str, Any]:
    """Return the content of tokenizer_config.json. `length` is the maximum number of tokens."""
    return {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": length, **special_tokens(vocabulary)}
