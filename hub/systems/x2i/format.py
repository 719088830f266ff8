"""X2I's AlignNets for FLUX.1: `qwen2.5-vl-7b_proj.pt` and others of `OPPOer/X2I`.

Keys and shapes are those of `Proj7Exp` in X2I's `utils/proj.py`; the files were not examined. They are a plain state dict, or one
beside its settings (`x2i_comfyui/model.py`). Several language models have the same number and width of states, so the encoder
cannot be recognised: 29 states of width 3584 are Qwen2.5-VL-7B's and MiniCPM-o 2.6's, 37 of width 2048 are Qwen2.5-VL-3B's and
InternVL2.5-4B's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hub.systems.shared.published_format import Format, Reading, Shapes, prompt_of, prompt_rule

LENGTH = 512
"""Tokens given to the language model, padding included (`infer/inference_qwenvl.py`, `infer/inference_internvl.py`)."""
READOUT = "hidden_states[:]"
FLUX = "linguahub/flux1-schnell"
FLUX_WIDTHS = (4096, 768)
"""FLUX.1's token and pooled width."""
INTERNVL_1B = "linguahub/internvl25-1b"
_INTERNVL_1B_SIZES = (25, 896)
_END = "<|im_end|>\n<|im_start|>assistant\n"
QWEN = prompt_rule(
    LENGTH, prefix="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n", suffix=_END
)
"""Qwen2.5-VL's chat template with one message of the user."""
INTERNVL = prompt_rule(
    LENGTH,
    prefix="<|im_start|>system\n你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。"
    "<|im_end|>\n<|im_start|>user\n{'Text input': '",
    suffix="', 'Instruction editing description': 'no'}" + _END,
)
"""InternVL2.5's template around a Python dictionary (`infer/inference_internvl.py`). Python writes a quotation mark or a line break in
the prompt differently, which this rule does not imitate."""


class X2I(Format):
    """Keys unchanged."""

    name = "x2i"
    title = "X2I"
    anchors = ("mlp.layernorm.weight", "mlp.projector.0.weight", "mlp.fc.1.weight")
    keys = (
        r"(conv\.(weight|bias)|cha_scale|mlp\.(layernorm\.(weight|bias)|projector\.[02]\.weight|fc\.1\.(weight|bias)))"
    )

    def recognise(self, shapes: Shapes) -> Reading:
        """Return the reading, with the number of states, widths and how states are merged."""
        out_width, width = shapes["mlp.projector.0.weight"]
        pooled_width = shapes["mlp.fc.1.weight"][0]
        states = shapes["conv.weight" if "conv.weight" in shapes else "cha_scale"][1]
        module: dict[str, Any] = {
            "in_width": states * width,
            "states": states,
            "out_width": out_width,
            "pooled_width": pooled_width,
        }
        if "conv.weight" in shapes:
            module["kernel_size"] = shapes["conv.weight"][2]
        return Reading(
            method="x2i",
            architecture="align-net",
            module=module,
            conditioning={"width": out_width, "length": LENGTH, "pooled_width": pooled_width, "mask": False},
            prompt=prompt_of(QWEN),
            base=FLUX if (out_width, pooled_width) == FLUX_WIDTHS else "",
            encoder=INTERNVL_1B if (states, width) == _INTERNVL_1B_SIZES else "",
            readout=READOUT,
        )

    def for_encoder(self, reading: Reading, encoder: str) -> Reading:
        """Return the reading with InternVL's prompt for its encoders."""
        is_internvl = encoder.rpartition("/")[2].lower().startswith("internvl")
        return replace(reading, prompt=prompt_of(INTERNVL)) if is_internvl else reading
