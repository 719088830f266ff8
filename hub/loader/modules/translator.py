"""Translate, then generate: prompts become English words, and the base's own text encoder reads those.

The model is any encoder-decoder of transformers, kept as that library writes it in `<variant>/translator/`, so that it
also loads with plain `AutoModelForSeq2SeqLM`. Decoding is greedy: the same prompt gives the same words.

Shape letters: N texts, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hub.errors import Damaged, DoesNotFit, WeightsDoNotFit

ARCHITECTURE = "translator"
FOLDER = "translator"
"""Of the variant: the model and its tokenizer."""
SETTINGS = {"new_tokens", "source", "target"}


@dataclass(frozen=True, slots=True, eq=False)
class Translator:
    """Texts of other languages in, English out; nothing in it learns."""

    model: Any
    tokenizer: Any
    length: int
    """Tokens a text is cut to."""
    new_tokens: int
    """Longest translation."""
    target: str = ""
    """Token with which a multilingual model is told to answer in English (`eng_Latn` of NLLB); others have none."""

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        settings: dict[str, Any],
        *,
        length: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        what: str,
    ) -> Translator:
        """Read a transformers folder; `settings` are `module` of config.json, and `what` names it in messages.

        Raises DoesNotFit for settings it does not have, Damaged and WeightsDoNotFit for a broken folder.
        """
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        if problems := sorted(settings.keys() ^ SETTINGS):
            raise DoesNotFit(
                f"`{what}` is a translator, whose settings are {', '.join(sorted(SETTINGS))}: not {problems}."
            )
        source = {"src_lang": settings["source"]} if settings["source"] else {}
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **source)
            model, report = AutoModelForSeq2SeqLM.from_pretrained(
                folder, dtype=dtype or "auto", use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            first = str(error).strip().partition("\n")[0]
            raise Damaged(f"the translator of `{what}` cannot be read: {first}") from error
        problems = [f"`{key}` is missing" for key in sorted(report["missing_keys"])]
        problems += [f"`{key}` has no place" for key in sorted(report["unexpected_keys"])]
        if problems:
            raise WeightsDoNotFit(what, problems)
        if settings["target"] and tokenizer.convert_tokens_to_ids(settings["target"]) in {None, tokenizer.unk_token_id}:
            raise DoesNotFit(f"the tokenizer of `{what}` has no token `{settings['target']}` to ask for English with.")
        model = model.to(device).eval().requires_grad_(False)
        return cls(model, tokenizer, length, settings["new_tokens"], settings["target"])

    @torch.no_grad()
    def translate(self, texts: Sequence[str]) -> list[str]:
        """English for each text."""
        batch = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.length, return_tensors="pt"
        ).to(self.model.device)
        told = {"forced_bos_token_id": self.tokenizer.convert_tokens_to_ids(self.target)} if self.target else {}
        ids_NL = self.model.generate(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            max_new_tokens=self.new_tokens,
            max_length=None,
            num_beams=1,
            do_sample=False,
            **told,
        )
        return [text.strip() for text in self.tokenizer.batch_decode(ids_NL, skip_special_tokens=True)]
