"""Translate prompts to English, for the base's own text encoder.

The model is any encoder-decoder of transformers, saved by that library in `<variant>/translator/`, so that plain
`AutoModelForSeq2SeqLM` also loads it. Decoding is greedy: the same prompt gives the same translation.

Shape letters: N texts, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hub.errors import DamagedFile, DoesNotFit, WeightsDoNotFit

ARCHITECTURE = "translator"
FOLDER = "translator"
"""Folder of the variant with the model and its tokenizer."""
SETTINGS = {"new_tokens", "source", "target"}


@dataclass(frozen=True, slots=True, eq=False)
class Translator:
    """A frozen translation model from other languages to English."""

    model: Any
    tokenizer: Any
    length: int
    """Tokens that a text is truncated to."""
    new_tokens: int
    """Maximum tokens of a translation."""
    target: str = ""
    """Token that makes a multilingual model answer in English (`eng_Latn` of NLLB); empty for others."""

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
        """Load a transformers folder; `settings` are `module` of config.json, and `what` names it in messages.

        Raises DoesNotFit for unknown settings, DamagedFile and WeightsDoNotFit for a broken folder.
        """
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        if problems := sorted(settings.keys() ^ SETTINGS):
            raise DoesNotFit(
                f"`{what}` is a translator with the settings {', '.join(sorted(SETTINGS))}; missing or unknown: {problems}."
            )
        source = {"src_lang": settings["source"]} if settings["source"] else {}
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **source)
            model, report = AutoModelForSeq2SeqLM.from_pretrained(
                folder, dtype=dtype or "auto", use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            first = str(error).strip().partition("\n")[0]
            raise DamagedFile(
                f"the translator of `{what}` cannot be loaded: {first.rstrip('.')}. Fetch it again with `hub pull {what}`."
            ) from error
        problems = [f"`{key}` is missing" for key in sorted(report["missing_keys"])]
        problems += [f"`{key}` is unexpected" for key in sorted(report["unexpected_keys"])]
        if problems:
            raise WeightsDoNotFit(what, problems)
        if settings["target"] and tokenizer.convert_tokens_to_ids(settings["target"]) in {None, tokenizer.unk_token_id}:
            raise DoesNotFit(
                f"the tokenizer of `{what}` has no token `{settings['target']}`, which its config names for English."
            )
        model = model.to(device).eval().requires_grad_(False)
        return cls(model, tokenizer, length, settings["new_tokens"], settings["target"])

    @torch.no_grad()
    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return an English translation of each text."""
        batch = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.length, return_tensors="pt"
        ).to(self.model.device)
        forced = {"forced_bos_token_id": self.tokenizer.convert_tokens_to_ids(self.target)} if self.target else {}
        ids_NL = self.model.generate(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            max_new_tokens=self.new_tokens,
            max_length=None,
            num_beams=1,
            do_sample=False,
            **forced,
        )
        return [text.strip() for text in self.tokenizer.batch_decode(ids_NL, skip_special_tokens=True)]
