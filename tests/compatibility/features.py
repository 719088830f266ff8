"""Check each feature with a module: one short function per feature, which asserts that the module worked.

Features that are separate pipelines are in `routes.py`.
"""

from __future__ import annotations

from typing import Any

import torch
from accelerate import cpu_offload
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from tests.compatibility.case import PROMPT, Case, denoiser_of

LONG = " ".join(["aja ologbo eye ile"] * 200)
"""A few thousand tokens: longer than every window."""


def text_to_image(case: Case) -> None:
    pipe = case.load()
    case.reads_as_directly(pipe, [PROMPT, "ile"])
    case.differs(pipe)
    pipe.unload()
    alone = case.draw(case.load(with_module=False))
    assert torch.equal(case.draw(pipe), alone)


def lora_before(case: Case) -> None:
    _lora(case, comes_first=True)


def lora_after(case: Case) -> None:
    _lora(case, comes_first=False)


def _lora(case: Case, *, comes_first: bool) -> None:
    pipe = case.load(with_module=False) if comes_first else case.copied()
    part = denoiser_of(pipe)
    prefix = "unet" if hasattr(pipe, "unet") else "transformer"
    without = None if comes_first else case.draw(pipe)
    part.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v"]), "style")
    weights = {
        f"{prefix}.{key}": value.clone() for key, value in get_peft_model_state_dict(part, adapter_name="style").items()
    }
    part.delete_adapters("style")
    pipe.load_lora_weights(weights, adapter_name="style")
    if comes_first:
        pipe.load_adapter(case.module_folder)
    through = case.differs(pipe)
    pipe.unload_lora_weights()
    assert not torch.equal(through, case.draw(pipe))
    if without is not None:
        assert torch.equal(without, case.draw(pipe))


def model_offload(case: Case) -> None:
    pipe, before = case.copied(), case.drawn
    pipe.enable_model_cpu_offload(device="cpu")
    # Moved weights may have another memory layout, which changes the last bit of float32 sums (5e-7 observed).
    assert torch.allclose(case.differs(pipe), before, atol=1e-5)


def sequential_offload(case: Case) -> None:
    """Use the same accelerate hooks on a CPU: diffusers' method requires a GPU and a device index."""
    pipe = case.copied()
    if torch.cuda.is_available():
        before = case.draw(pipe.to("cuda"))
        pipe.to("cpu").enable_sequential_cpu_offload()
    else:
        before = case.drawn
        for part in pipe.components.values():
            if isinstance(part, torch.nn.Module):
                cpu_offload(part, "cpu", offload_buffers=len(part._parameters) > 0)  # as in diffusers
    assert {each.device.type for each in denoiser_of(pipe).parameters()} == {"meta"}
    # Copied weights may have another memory layout: see above.
    assert torch.allclose(case.differs(pipe), before, atol=1e-4 if torch.cuda.is_available() else 1e-5)
    assert {each.device.type for each in denoiser_of(pipe).parameters()} == {"meta"}


def compiled(case: Case) -> None:
    pipe, before = case.copied(), case.drawn
    torch.compiler.reset()
    with torch._dynamo.config.patch(error_on_recompile=True):
        # `eager` traces like the code generator and is seconds faster; dynamic shapes are not needed.
        denoiser_of(pipe).compile(backend="eager", dynamic=False)
        assert torch.allclose(case.draw(pipe), before, atol=1e-5)
        other = case.draw(pipe, "ile")
    assert not torch.equal(other, before)


def vae_tiling(case: Case) -> None:
    pipe = case.copied()
    pipe.vae.enable_tiling()
    pipe.vae.enable_slicing()
    case.differs(pipe, [PROMPT, "ile"])


def callbacks(case: Case) -> None:
    pipe, seen = case.pipe, []

    def note(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append((step, tensors["prompt_embeds"].shape[-1]))
        return tensors

    case.differs(pipe, callback_on_step_end=note, callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"])
    assert seen[:2] == [(0, case.base.width), (1, case.base.width)]


def steps_callback(case: Case) -> None:
    """Check diffusers' older callback, the only one that PixArt has."""
    pipe, seen = case.pipe, []
    case.differs(pipe, callback=lambda step, *_: seen.append(step), callback_steps=1)
    assert seen[:2] == [0, 1]


def negative_prompts(case: Case) -> None:
    pipe = case.pipe
    guided = {"guidance_scale": 5.0} if case.family != "flux" else {"true_cfg_scale": 5.0}
    with_negative = case.differs(pipe, negative_prompt="ile", **guided)
    assert not torch.equal(with_negative, case.draw(pipe, negative_prompt="ologbo eye", **guided))
    if case.family != "flux":  # which encodes them in a separate call
        found = case.encode(pipe, PROMPT, guided=True, negative_prompt="ile")
        width = case.direct(["ile"]).tokens_BLC
        torch.testing.assert_close(found["negative"][:, : width.shape[1]].float(), width, atol=2e-5, rtol=2e-5)


def guidance_off(case: Case) -> None:
    pipe = case.pipe
    case.differs(pipe, guidance_scale=0.0 if case.family == "flux" else 1.0)


def several_images(case: Case) -> None:
    pipe = case.pipe
    case.reads_as_directly(pipe, [PROMPT, "ile"], count=2)
    assert len(case.differs(pipe, [PROMPT, "ile"], num_images_per_prompt=2)) == 4


def lists(case: Case) -> None:
    pipe = case.pipe
    both = case.differs(pipe, [PROMPT, "ile"])
    assert not torch.equal(both[0], both[1])
    mixed = case.encode(pipe, [PROMPT, "dog"])["tokens"]
    assert not torch.equal(mixed[0], mixed[1])


def long_prompts(case: Case) -> None:
    pipe = case.pipe
    case.reads_as_directly(pipe, [LONG])
    case.differs(pipe, LONG)


def empty_prompts(case: Case) -> None:
    pipe = case.pipe
    case.reads_as_directly(pipe, [""])
    case.differs(pipe, "")


def saved_folder(case: Case) -> None:
    pipe = case.pipe
    folder = case.root / "saved" / case.family
    pipe.save_pretrained(folder)
    again = case.load(folder)
    assert type(again).__name__ == type(pipe).__name__
    assert torch.equal(case.differs(again), case.drawn)
