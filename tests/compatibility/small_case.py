"""A family's small base with a module that fits it, for the families that `table.py` does not test feature by feature."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hub.bases import conditioning_of
from hub.bases.prompt_arguments import COUNTS
from hub.conditioning import Conditioning
from hub.embeddings import Embeddings, split_streams
from hub.loader import load_pipeline
from hub.loader.sources import digest_of
from hub.systems.architectures import build
from hub.weights.strict import load_weights, save_weights
from tests.builders.models.bases import SMALL
from tests.builders.models.bases.small import Small
from tests.builders.models.families import TOKENS, save_encoder
from tests.builders.models.tiny import ENCODER_WIDTH

PROMPT, OTHER = "aja", "ile"


@dataclass
class SmallCase:
    """A family and its files under `root`."""

    family: str
    root: Path

    @property
    def small(self) -> Small:
        return SMALL[self.family]

    @cached_property
    def base_folder(self) -> Path:
        torch.manual_seed(5)
        folder = self.root / self.family
        self.small.make().save_pretrained(folder)
        return folder

    @cached_property
    def conditioning(self) -> Conditioning:
        return conditioning_of(self.base_folder)

    @cached_property
    def encoder_folder(self) -> Path:
        folder = self.root / "tiny-xlmr"
        return folder if folder.exists() else save_encoder(folder)

    @cached_property
    def module_folder(self) -> Path:
        """Return a module whose streams are as wide as the base's; it has a mask if the base takes one and no pooled vector."""
        wanted = self.conditioning
        masked = wanted.mask and wanted.pooled_width is None
        architecture = "caption-projection" if masked else "projector"
        sizes: dict[str, Any] = {"in_width": ENCODER_WIDTH, "out_width": sum(wanted.channels)}
        if not masked:
            sizes |= {"hidden_width": 16, "pooled_width": wanted.pooled_width}
        output = wanted.as_json() | {"length": TOKENS, "mask": masked}
        config = {
            "format": 1, "kind": "adapter", "method": "pea", "architecture": architecture, "module": sizes,
            "base": {"name": f"linguahub/{self.family}", "digest": ""},
            "encoder": {"name": "linguahub/tiny-xlmr", "digest": digest_of(self.encoder_folder), "readout": "last_hidden_state"},
            "conditioning": output, "prompt": {"prefix": "", "drop": [], "length": TOKENS}, "languages": ["yo"], "run": {},
            "parent": "",
        }  # fmt: skip
        folder = self.root / "modules" / f"{self.family}-yo"
        torch.manual_seed(2)
        module = build(architecture, sizes)
        for value in module.parameters():
            value.data.mul_(3)  # larger than at initialisation, so that tiny images differ by more than rounding
        save_weights(module, folder / self.family / "model.safetensors")
        (folder / self.family / "config.json").write_text(json.dumps(config))
        return folder

    @cached_property
    def pipe(self) -> Any:
        """Return the pipeline with the module, loaded once for all tests of the family."""
        pipe: Any = load_pipeline(
            self.base_folder,
            self.module_folder,
            encoder=self.encoder_folder,
            device="cpu",
            module_variant=self.family,
            **self.small.parts(),
        )
        return self.shrunk(pipe)

    def shrunk(self, pipe: Any) -> Any:
        """Return a pipeline with small sizes and without progress bars."""
        pipe.set_progress_bar_config(disable=True)
        for name, value in self.small.attributes.items():
            setattr(pipe, name, value)
        return pipe

    def draw(self, pipe: Any, prompt: str | Sequence[str] = PROMPT, **settings: Any) -> Tensor:
        """Return images (B, H, W, 3) or videos (B, F, H, W, 3) after two steps."""
        given = {"num_inference_steps": 2, "output_type": "np", **self.small.call, **settings}
        given = {name: value for name, value in given.items() if value is not None}
        said = prompt if isinstance(prompt, str) else list(prompt)
        answer = pipe(prompt=said, generator=torch.Generator().manual_seed(7), **given)
        names = ("images", "image", "frames", "image_embeddings")
        return torch.from_numpy(np.asarray(next(getattr(answer, name) for name in names if hasattr(answer, name))))

    def differs(self, pipe: Any, prompt: str | Sequence[str] = PROMPT, **settings: Any) -> Tensor:
        """Return the images of the base alone, after checking that each row, of `shape`, differs with the module."""
        language, shape = settings.pop("language", None), settings.pop("shape", self.small.shape)
        through = self.draw(pipe, prompt, language=language, **settings)
        pipe.set_adapters([])
        alone = self.draw(pipe, prompt, **settings)
        pipe.set_adapters(f"{self.family}-yo")
        assert torch.isfinite(through).all()
        for one, other in zip(through, alone, strict=True):
            assert tuple(one.shape) == shape
            assert not torch.equal(one, other)
        return alone

    def direct(self, texts: Sequence[str]) -> Embeddings:
        """Return the module's output by a plain computation: tokenizer, encoder and module, called in turn."""
        from transformers import AutoTokenizer, XLMRobertaModel

        config = json.loads((self.module_folder / self.family / "config.json").read_text())
        module = build(config["architecture"], config["module"]).eval()
        load_weights(module, self.module_folder / self.family / "model.safetensors", what="the module")
        tokenizer = AutoTokenizer.from_pretrained(self.encoder_folder)
        encoder = XLMRobertaModel.from_pretrained(
            self.encoder_folder, add_pooling_layer=False, dtype=torch.float32
        ).eval()
        words = tokenizer(list(texts), padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
        with torch.no_grad():
            answer: Embeddings = module(encoder(**words).last_hidden_state, words.attention_mask.bool())
        return split_streams(answer, self.conditioning.channels)

    def encode(self, texts: list[str], count: int) -> Embeddings:
        """Return what `encode_prompt` gives the denoiser, each text `count` times where the pipeline repeats there."""
        known = inspect.signature(self.pipe.encode_prompt).parameters
        given: dict[str, Any] = {name: count for name in COUNTS if name in known}
        needed = {"do_classifier_free_guidance": False, "device": self.pipe.device, "batch_size": len(texts)}
        given |= {name: value for name, value in needed.items() if name in known}
        found: Embeddings = self.pipe.encode_all(
            self.pipe.encode_prompt, {"prompt": texts, **given, **self.small.encode}
        )
        return found
