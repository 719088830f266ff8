"""Text encoders in the same published file as a module: infer their transformers configuration from shapes.

Shapes are those of `XLMRobertaModel` and `BertModel`; fairseq's layer names are translated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from hub.systems.shared.published_format import (
    ENCODER,
    MODULE,
    REST,
    Files,
    Format,
    Shapes,
    Tensors,
    behind_prefix,
    count,
    prompt_of,
    prompt_rule,
    with_prefix,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

LENGTH = 77
"""Tokens of CLIP's window, for which these encoders were trained. Padding is masked, so a longer window changes nothing."""
HEAD_WIDTH = 64
"""Head width of every BERT and XLM-R published at base size and above."""
_FAIRSEQ = (
    ("embed_tokens.", "embeddings.word_embeddings."),
    ("embed_positions.", "embeddings.position_embeddings."),
    ("layernorm_embedding.", "embeddings.LayerNorm."),
    (".self_attn.q_proj.", ".attention.self.query."),
    (".self_attn.k_proj.", ".attention.self.key."),
    (".self_attn.v_proj.", ".attention.self.value."),
    (".self_attn.out_proj.", ".attention.output.dense."),
    (".self_attn_layer_norm.", ".attention.output.LayerNorm."),
    (".fc1.", ".intermediate.dense."),
    (".fc2.", ".output.dense."),
    (".final_layer_norm.", ".output.LayerNorm."),
)
"""Layer names of fairseq and transformers."""
SEGMENTS = "embeddings.token_type_embeddings.weight"
"""One segment of zeros in transformers, absent in fairseq."""
KEYS = (
    r"(embeddings\.((word|position|token_type)_embeddings\.weight|LayerNorm\.(weight|bias))|pooler\.dense\.(weight|bias)|"
    r"encoder\.layer\.\d+\.(attention\.self\.(query|key|value)|(attention\.output|intermediate|output)\.dense|"
    r"(attention\.)?output\.LayerNorm)\.(weight|bias))"
)
"""Regular expression for all keys in transformers' names."""
BUFFERS = r"embeddings\.(position_ids|token_type_ids)"
"""Buffers that older versions of transformers wrote to files."""


class TowerFormat(Format):
    """A text encoder and layers after it in one file. The encoder becomes the variant's own, the layers its module."""

    tower: ClassVar[str]
    """Prefix of the encoder's keys."""
    layers: ClassVar[tuple[tuple[str, str], ...]]
    """Prefixes of the module's keys in the published file and in ours."""

    def tower_shapes(self, shapes: Shapes) -> Shapes:
        """Return the encoder's shapes under transformers' names."""
        return {key.removeprefix(self.tower): shape for key, shape in shapes.items() if key.startswith(self.tower)}

    def to_variant(self, tensors: Tensors) -> Files:
        """Split into module, encoder and unused tensors; shapes are unchanged."""
        rest = {key: value for key, value in tensors.items() if re.fullmatch(self.optional, key)}
        own = {key: value for key, value in tensors.items() if key not in rest}
        module = _merged(with_prefix(ours, behind_prefix(theirs, own)) for theirs, ours in self.layers)
        tower = self.encoder_from(behind_prefix(self.tower, own))
        return {MODULE: module} | ({ENCODER: tower} if tower else {}) | ({REST: rest} if rest else {})

    def to_original(self, files: Files) -> dict[str, Tensor]:
        """Join the tensors of all files into one state dict; shapes are unchanged."""
        module = _merged(with_prefix(theirs, behind_prefix(ours, files[MODULE])) for theirs, ours in self.layers)
        tower = with_prefix(self.tower, self.encoder_to(files.get(ENCODER, {})))
        return {**module, **tower, **files.get(REST, {})}

    def encoder_from(self, tensors: Tensors) -> dict[str, Tensor]:
        """Return the encoder's tensors under transformers' names; shapes are unchanged."""
        return dict(tensors)

    def encoder_to(self, tensors: Tensors) -> dict[str, Tensor]:
        """Return the tensors under the published names: the inverse of `encoder_from`. Shapes are unchanged."""
        return dict(tensors)


def _merged(parts: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {key: value for part in parts for key, value in part.items()}


def pooled_reading(width: int) -> dict[str, Any]:
    """Return kind, conditioning and prompt of a `Reading` for one vector per text."""
    return {
        "kind": "projector",
        "conditioning": {"width": width, "length": 1, "pooled_width": None, "mask": False},
        "prompt": prompt_of(prompt_rule(LENGTH)),
    }


def encoder_config(shapes: Shapes) -> dict[str, Any]:
    """Return the encoder's `config.json` by its shapes: XLM-R with one token type, BERT with two."""
    vocabulary, width = shapes["embeddings.word_embeddings.weight"]
    segments = shapes[SEGMENTS][0]
    is_roberta = segments == 1
    family = (
        {"architectures": ["XLMRobertaModel"], "model_type": "xlm-roberta", "layer_norm_eps": 1e-5, "pad_token_id": 1,
         "bos_token_id": 0, "eos_token_id": 2}
        if is_roberta
        else {"architectures": ["BertModel"], "model_type": "bert", "layer_norm_eps": 1e-12, "pad_token_id": 0}
    )  # fmt: skip
    return {
        **family,
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": count(shapes, r"encoder\.layer\.(\d+)\."),
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "intermediate_size": shapes["encoder.layer.0.intermediate.dense.weight"][0],
        "max_position_embeddings": shapes["embeddings.position_embeddings.weight"][0],
        "type_vocab_size": segments,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }


def build_encoder(config: dict[str, Any], *, pooled: bool) -> nn.Module:
    """Build the encoder of such a configuration; on `meta` it takes no memory."""
    from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

    settings = {key: value for key, value in config.items() if key not in {"architectures", "model_type"}}
    model: nn.Module
    if config["model_type"] == "bert":
        model = BertModel(BertConfig(**settings), add_pooling_layer=pooled)
    else:
        model = XLMRobertaModel(XLMRobertaConfig(**settings), add_pooling_layer=pooled)
    return model


def from_fairseq(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename fairseq's `sentence_encoder` to transformers' names, and add its segment of zeros, shape (1, width)."""
    renamed = {_translate(key, _FAIRSEQ): value for key, value in tensors.items()}
    words = renamed["embeddings.word_embeddings.weight"]
    renamed[SEGMENTS] = words.new_zeros(1, words.shape[1])
    return renamed


def to_fairseq(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under fairseq's names: the inverse of `from_fairseq`. Shapes are unchanged."""
    back = tuple((theirs, ours) for ours, theirs in _FAIRSEQ)
    # `.attention.output.dense.` ends with `.output.dense.`, so longer names come first.
    back = tuple(sorted(back, key=lambda pair: -len(pair[0])))
    return {_translate(key, back): value for key, value in tensors.items() if key != SEGMENTS}


def _translate(key: str, names: tuple[tuple[str, str], ...]) -> str:
    """Translate `layers.0.fc1.weight` ⇄ `encoder.layer.0.intermediate.dense.weight`."""
    for before, after in names:
        if before in f".{key}" if before.startswith(".") else key.startswith(before):
            key = key.replace(before, after, 1)
            break
    if key.startswith("layers."):
        return re.sub(r"^layers\.", "encoder.layer.", key)
    return re.sub(r"^encoder\.layer\.", "layers.", key)
