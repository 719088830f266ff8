"""Weights have one type, that of the load, without losing what their class needs in float32."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchao.quantization import Int8WeightOnlyConfig, quantize_
from transformers import LlamaConfig, LlamaModel, T5Config, T5EncoderModel, T5ForConditionalGeneration

from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.weights import pinned_copy
from hub.weights.pinned_copy import PinnedRing
from hub.weights.quantisation import quantise
from hub.weights.strict import load_weights

CPU = torch.device("cpu")
HALVES = (torch.float16, torch.bfloat16)


def t5(model_class: Any) -> Any:
    torch.manual_seed(0)
    return model_class(
        T5Config(vocab_size=40, d_model=64, d_kv=16, d_ff=64, num_layers=1, num_heads=4, decoder_start_token_id=0)
    )


def dtypes(model: nn.Module) -> dict[str, torch.dtype]:
    """Return the types of T5's kept weight and of all others."""
    return {("wo" if ".wo." in name else "other"): value.dtype for name, value in model.named_parameters()}


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("saved", [T5EncoderModel, T5ForConditionalGeneration])  # all of a file, and a half of it
def test_weights_that_transformers_keeps_in_float32_stay_in_it(saved: Any, dtype: torch.dtype, tmp_path: Path) -> None:
    t5(saved).save_pretrained(tmp_path)
    theirs = T5EncoderModel.from_pretrained(tmp_path, dtype=dtype)
    ours = TextEncoder.from_folder(tmp_path, dtype=dtype, tokenize=lambda *_: (torch.zeros(1, 4), torch.ones(1, 4)))
    assert dtypes(ours.model) == dtypes(theirs)
    assert dtypes(ours.model)["wo"] == (torch.float32 if dtype == torch.float16 else dtype)


def test_quantised_models_keep_it_as_well() -> None:
    model = quantise(t5(T5EncoderModel), "4bit", device="cpu", dtype=torch.float16)
    assert model.encoder.block[0].layer[-1].DenseReluDense.wo.weight.dtype == torch.float32
    assert model.shared.weight.dtype == torch.float16


def test_computed_buffers_keep_their_type_in_a_quantised_model() -> None:
    sizes = {
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 8,
    }
    model = LlamaModel(LlamaConfig(**sizes))
    frequencies = model.rotary_emb.inv_freq.clone()
    quantise(model, "8bit", device="cpu", dtype=torch.bfloat16)
    assert torch.equal(model.rotary_emb.inv_freq, frequencies)
    assert model.norm.weight.dtype == torch.bfloat16


def test_8_bits_are_refused_in_float16_whose_range_their_sums_exceed() -> None:
    wide, rows = nn.Linear(4096, 8, bias=False), torch.full((1, 4096), 4.0)
    wide.weight.data.fill_(0.01)
    by_torchao = deepcopy(wide).half()
    quantize_(by_torchao, Int8WeightOnlyConfig())
    assert by_torchao(rows.half()).isinf().all()
    in_bf16 = quantise(nn.Sequential(wide), "8bit", device="cpu", dtype=torch.bfloat16)(rows.bfloat16())
    torch.testing.assert_close(in_bf16.float(), torch.full((1, 8), 163.84), rtol=0.01, atol=0)
    with pytest.raises(InvalidRequest, match="bfloat16"):
        quantise(nn.Sequential(nn.Linear(64, 64)), "8bit", device="cpu", dtype=torch.float16)


def test_a_base_in_8_bits_computes_in_bfloat16_or_is_refused(load: Any) -> None:
    with pytest.raises(InvalidRequest, match="cannot compute in float16"):
        load(quantisation="8bit", dtype=torch.float16)
    assert load(quantisation="8bit", dtype=torch.bfloat16).vae.dtype == torch.bfloat16


class Watched(PinnedRing):
    """A ring that fails if the tensor it read before is still alive."""

    before: ref[Tensor] | None = None

    def read(self, *where: Any) -> Tensor:
        assert self.before is None or self.before() is None, "two stored tensors are in memory at once"
        made = super().read(*where)
        self.before = ref(made)
        return made


def test_weights_are_converted_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "all.safetensors"
    save_file({str(place): torch.ones(4, 4) for place in range(3)}, path)
    entries = {str(place): (0, (4, 4), torch.float32) for place in range(3)}
    found = pinned_copy.read_tensors(path, entries, Watched(CPU, 64), dict.fromkeys(entries, torch.float16))
    assert {value.dtype for value in found.values()} == {torch.float16}


def test_without_lockable_memory_the_ring_uses_ordinary_buffers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = torch.empty

    def empty(*size: Any, pin_memory: bool = False, **how: Any) -> Tensor:
        if pin_memory:
            raise RuntimeError("CUDA error: OS call failed")  # as the driver says it, and not OutOfMemoryError
        return own(*size, **how)

    monkeypatch.setattr(torch, "empty", empty)
    ring = PinnedRing(torch.device("cuda"), 64)
    ring.device = CPU
    assert not ring.is_locked
    module, twin = nn.Linear(30, 30), nn.Linear(30, 30)
    save_file(twin.state_dict(), tmp_path / "it.safetensors")
    load_weights(module, tmp_path / "it.safetensors", what="it")
    pinned_copy.move_module(module, ring)
    assert torch.equal(module.weight, twin.weight)
