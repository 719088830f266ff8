"""A family's small base with its module, and the checks that a feature uses to show that the module worked."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import AutoTokenizer, XLMRobertaModel

from hub.embeddings import Embeddings
from hub.loader import load_pipeline
from hub.systems.architectures import build
from hub.weights.strict import load_weights
from tests.builders.models.families import TOKENS, Base, base_of, save_base, save_encoder, save_module

SIDE = 32
"""Side of an image in pixels."""
PROMPT = "aja"


@dataclass
class Case:
    """A family, its files under `root`, and the images that its base generates alone."""

    family: str
    root: Path
    is_wide: bool = False
    """Whether layers of denoiser and encoder are wide enough for 4-bit blocks."""

    @property
    def base(self) -> Base:
        return base_of(self.family, is_wide=self.is_wide)

    @cached_property
    def wide(self) -> Case:
        """The same family with wide layers."""
        return Case(self.family, self.root / "wide", is_wide=True)

    @cached_property
    def base_folder(self) -> Path:
        return save_base(self.family, self.root / "bases" / self.family, is_wide=self.is_wide)

    @cached_property
    def encoder_folder(self) -> Path:
        return save_encoder(self.root / "tiny-xlmr", is_wide=self.is_wide)

    @cached_property
    def module_folder(self) -> Path:
        folder = self.root / "modules" / "mulan-yo"
        return save_module(self.family, folder, self.encoder_folder, is_wide=self.is_wide)

    @cached_property
    def loaded(self) -> tuple[Any, Tensor]:
        """Return `pipe` and `drawn`: drawn first of all, as a prompt that is encoded beside others differs in the last bits."""
        pipe = self.load()
        return pipe, self.draw(pipe)

    @property
    def pipe(self) -> Any:
        """The pipeline with the module, loaded once for all checks that leave it as it is."""
        return self.loaded[0]

    @property
    def drawn(self) -> Tensor:
        """The image that `pipe` generates."""
        return self.loaded[1]

    def copied(self) -> Any:
        """Return a copy of `pipe` with its own parts and modules, for checks that change them; it encodes each prompt again."""
        made = copy.deepcopy(self.pipe)
        made._prompt_encoder._embeddings.clear()
        return made

    def load(self, folder: Path | None = None, *, with_module: bool = True, **settings: Any) -> Any:
        """Return the pipeline, by default with the module."""
        adapter = self.module_folder if with_module else None
        pipe: Any = load_pipeline(
            folder or self.base_folder,
            adapter,
            encoder=self.encoder_folder,
            device="cpu",
            module_variant=self.family,
            **settings,
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def draw(self, pipe: Any, prompt: str | Sequence[str] = PROMPT, **settings: Any) -> Tensor:
        """Return images (B, H, W, 3) after two steps."""
        given: dict[str, Any] = {
            "num_inference_steps": 2,
            "guidance_scale": 3.0,
            "height": SIDE,
            "width": SIDE,
        } | settings
        if self.family in {"pixart", "sana"}:  # their published sizes do not fit a tiny base
            given["use_resolution_binning"] = False
        if self.family == "sana":  # whose own instruction is two thousand letters, each a token of a small tokenizer
            given["complex_human_instruction"] = ["Draw:"]
        given = {name: value for name, value in given.items() if value is not None}
        said = prompt if isinstance(prompt, str) else list(prompt)
        drawn = pipe(said, generator=torch.Generator().manual_seed(7), output_type="np", **given)
        return torch.from_numpy(drawn.images)

    def differs(self, pipe: Any, prompt: str | Sequence[str] = PROMPT, **settings: Any) -> Tensor:
        """Return images generated with the module, after checking that each differs from the base's alone."""
        through = self.draw(pipe, prompt, **settings)
        pipe.set_adapters([])
        alone = self.draw(pipe, prompt, **settings)
        pipe.set_adapters("mulan-yo")
        assert torch.isfinite(through).all()
        for one, other in zip(through, alone, strict=True):
            assert not torch.equal(one, other)
        return through

    def direct(self, texts: Sequence[str], **how: Any) -> Embeddings:
        """Return the module's output by a plain computation: tokenizer, encoder and module, called in turn.

        `how` has options for transformers to load the encoder in another way than in float32.
        """
        tokenizer, module = self.plain_tokenizer, self.plain_module
        encoder = self._read_encoder(**how) if how else self.plain_encoder
        words = tokenizer(list(texts), padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
        with torch.no_grad():
            states = encoder(**words).last_hidden_state
            answer: Embeddings = module(states, words.attention_mask.bool())
        mask = torch.ones(len(words.input_ids), TOKENS) if answer.mask_BL is None else answer.mask_BL
        return answer._replace(mask_BL=mask)

    @cached_property
    def plain_tokenizer(self) -> Any:
        return AutoTokenizer.from_pretrained(self.encoder_folder)

    @cached_property
    def plain_encoder(self) -> Any:
        return self._read_encoder()

    @cached_property
    def plain_module(self) -> Any:
        module = build(self.base.architecture, self._sizes()).eval()
        load_weights(module, self.module_folder / self.family / "model.safetensors", what="the module")
        return module

    def _read_encoder(self, **how: Any) -> Any:
        folder = self.encoder_folder
        return XLMRobertaModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32, **how).eval()

    def encode(self, pipe: Any, prompt: str | list[str], **settings: Any) -> dict[str, Tensor]:
        """Return the results of the family's `encode_prompt` by name; `negative` if it returns negatives."""
        guided = settings.pop("guided", False)
        count = settings.pop("count", 1)
        match self.family:
            case "flux":
                names = ("tokens", "pooled", "ids")
                answer = pipe.encode_prompt(prompt, num_images_per_prompt=count, **settings)
            case "pixart" | "sana":
                names = ("tokens", "mask", "negative", "negative_mask")
                answer = pipe.encode_prompt(prompt, guided, num_images_per_prompt=count, **settings)
            case "stable-diffusion-xl" | "stable-diffusion-3":
                names = ("tokens", "negative", "pooled", "negative_pooled")
                more = (None,) if self.family.endswith("xl") else (None, None)
                answer = pipe.encode_prompt(
                    prompt, *more, num_images_per_prompt=count, do_classifier_free_guidance=guided, **settings
                )
            case _:
                names = ("tokens", "negative")
                answer = pipe.encode_prompt(prompt, pipe.device, count, guided, **settings)
        return {name: value for name, value in zip(names, answer, strict=True) if value is not None}

    def reads_as_directly(self, pipe: Any, texts: list[str], **settings: Any) -> None:
        """Check that `encode_prompt` returns the result of the plain computation, each row once per image."""
        count = settings.get("count", 1)
        wanted, found = self.direct(texts, **settings.pop("how", {})), self.encode(pipe, texts, **settings)
        for name, rows in (("tokens", wanted.tokens_BLC), ("pooled", wanted.pooled_BP), ("mask", wanted.mask_BL)):
            if name in found:
                assert rows is not None
                same = found[name][:, : rows.shape[1]] if name == "mask" else found[name]
                # The same float32 values are summed in two orders.
                torch.testing.assert_close(same.float(), rows.repeat_interleave(count, 0).float(), atol=2e-5, rtol=2e-5)

    def image(self) -> Image.Image:
        """Return an input image."""
        return Image.effect_mandelbrot((SIDE, SIDE), (-2, -1, 1, 1), 30).convert("RGB")

    def _sizes(self) -> dict[str, Any]:
        sizes: dict[str, Any] = json.loads((self.module_folder / self.family / "config.json").read_text())["module"]
        return sizes


def denoiser_of(pipe: Any) -> nn.Module:
    part: nn.Module = pipe.unet if hasattr(pipe, "unet") else pipe.transformer
    return part
