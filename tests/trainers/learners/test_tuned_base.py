"""LoRAs of a base's own encoders and denoiser, and encoders with a head, give the same in training and after loading."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from peft import PeftModel

from hub.bases.frozen import FrozenBase
from hub.embeddings import Embeddings, unpad
from hub.encoders.text_encoder import TextEncoder
from hub.errors import WeightsDoNotFit
from hub.loader import load_pipeline
from tests.builders.models.families import save_base
from tests.builders.training.flow_bases import FLOWS, PIXELS, save_flow_base
from trainers.learners.learner import Learner
from trainers.learners.student import make_student
from trainers.learners.text_reader import TextReader, share_weights
from trainers.learners.tuned_base import make_learner

CPU = torch.device("cpu")
FAMILIES = ("stable-diffusion-xl", "pixart", "flux", "qwen-image")
"""With two CLIPs, without LoRAs in diffusers, with a T5 beside a CLIP, and with a language model that also reads images."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.bases.sizes.SIDE", PIXELS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that saves the small base of a family, once."""
    root = tmp_path_factory.mktemp("bases")

    def of(family: str) -> Path:
        if (root / family).exists():
            return root / family
        return save_flow_base(family, root) if family in FLOWS else save_base(family, root / family)

    return of


def randomised(learner: Learner) -> Learner:
    """Return the learner with larger random weights that half precision holds exactly, where it was trainable or zero."""
    torch.manual_seed(3)
    for name, value in learner.module.named_parameters():
        if "lora_" in name or name.startswith("transformation"):
            value.data = (torch.randn_like(value) / 2).half().float()
    return learner


def written(learner: Learner, base: FrozenBase, folder: Path) -> Path:
    """Write a module with one variant."""
    variant = folder / base.family
    variant.mkdir(parents=True)
    learner.write(variant)
    conditioning = {
        "width": base.width, "length": base.length, "pooled_width": base.pooled_width,
        "mask": bool(getattr(learner.module, "gives_mask", False)),
    }  # fmt: skip
    rule = {"prefix": "", "drop": [], "length": base.length}
    config = {
        "format": 1, "kind": learner.kind, "method": "lora", "architecture": learner.architecture, "module": learner.settings,
        "base": {"name": f"linguahub/{base.family}", "digest": ""}, "encoder": None, "conditioning": conditioning,
        "prompt": {**rule, "negative": rule, "empty": "encode"}, "languages": ["yo"], "run": {}, "parent": "",
        **learner.config(),
    }  # fmt: skip
    (variant / "config.json").write_text(json.dumps(config))
    return folder


def encoded(pipe: Any, family: str, base: FrozenBase, **settings: Any) -> Embeddings:
    """Encode one prompt with a pipeline as training does, with the defaults of its call."""
    encode = getattr(diffusers, type(pipe).__name__).encode_prompt
    defaults = inspect.signature(getattr(diffusers, type(pipe).__name__).__call__).parameters
    given = {
        **{name: each.default for name, each in defaults.items() if name != "self"},
        "prompt": ["aja"], "device": CPU, "num_images_per_prompt": 1, "do_classifier_free_guidance": False,
    }  # fmt: skip
    known = inspect.signature(encode).parameters
    answer = pipe.encode_prompt(**{name: value for name, value in given.items() if name in known}, **settings)
    found: Embeddings = base._family.mixin.encoded(answer)
    return found if family != "pixart" else found._replace(tokens_BLC=base._projection(found.tokens_BLC))  # type: ignore[attr-defined]


def assert_same(found: Embeddings, expected: Embeddings) -> None:
    for ours, theirs in zip(unpad(found), unpad(expected), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert (found.pooled_BP is None) is (expected.pooled_BP is None)
    if found.pooled_BP is not None:
        torch.testing.assert_close(found.pooled_BP, expected.pooled_BP, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_loras_read_and_predict_after_loading_as_in_training(
    family: str, saved: Callable[[str], Path], encoder: TextEncoder, tmp_path: Path
) -> None:
    base = FrozenBase.open(saved(family), CPU)
    tuned = randomised(make_learner(base, encoder, rank=2))
    reader: Any = tuned.module
    with torch.no_grad():
        expected = base.with_parts(dict(reader.text_encoders)).encode(["aja"])
    own = base.read(["aja"])
    assert not torch.allclose(own.tokens_BLC, expected.tokens_BLC)
    pipe = load_pipeline(saved(family), adapter=written(tuned, base, tmp_path / "lora-yo"), device="cpu")
    assert_same(encoded(pipe, family, base, language="yo"), expected)
    noisy, steps = torch.randn(1, *base.latent_shape), torch.tensor([500])
    denoiser = getattr(pipe, base.denoiser_name)
    if family == "pixart":
        denoiser.caption_projection = None  # as in training, which caches projected states
    with torch.no_grad():
        mine, theirs = (
            each.predict(noisy, steps, *expected[:3])
            for each in (base, base.with_parts({base.denoiser_name: denoiser}))
        )
        trained = reader.predict(base, noisy, steps, expected)
    torch.testing.assert_close(theirs, trained, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(mine, trained), "the denoiser has a LoRA, too"


def test_diffusers_and_peft_load_the_files(saved: Callable[[str], Path], encoder: TextEncoder, tmp_path: Path) -> None:
    for family in ("stable-diffusion-xl", "flux"):
        base = FrozenBase.open(saved(family), CPU)
        tuned = randomised(make_learner(base, encoder, rank=2))
        variant = written(tuned, base, tmp_path / family) / family
        reader: Any = tuned.module
        with torch.no_grad():
            expected = base.with_parts(dict(reader.text_encoders)).encode(["aja"])
        pipe = diffusers.DiffusionPipeline.from_pretrained(saved(family))
        pipe.load_lora_weights(variant)
        if family == "flux":
            for name in ("text_encoder", "text_encoder_2"):
                setattr(pipe, name, PeftModel.from_pretrained(getattr(pipe, name), str(variant / name)))
        with torch.no_grad():
            assert_same(encoded(pipe, family, base), expected)


def test_an_encoder_alone_is_an_adapter_whose_languages_share_a_denoiser(
    saved: Callable[[str], Path], encoder: TextEncoder, tmp_path: Path
) -> None:
    base = FrozenBase.open(saved("flux"), CPU)
    tuned = randomised(make_learner(base, encoder, rank=2, denoiser=False))
    folder = written(tuned, base, tmp_path / "lora-yo")
    assert {path.name for path in (folder / "flux").iterdir()} == {"config.json", "text_encoder", "text_encoder_2"}
    assert tuned.kind == "adapter"
    pipe = load_pipeline(saved("flux"), adapter=folder, device="cpu")
    both, pooled, _ = pipe.encode_prompt(["aja", "dog"], None, language=["yo", "en"])
    plain = load_pipeline(saved("flux"), device="cpu")
    with torch.no_grad():
        (dog, *_), (aja, pooled_aja, _) = (plain.encode_prompt([text], None) for text in ("dog", "aja"))
    assert torch.equal(both[1], dog[0])
    assert not torch.allclose(both[0], aja[0])
    assert not torch.allclose(pooled[0], pooled_aja[0]), "both encoders are changed"
    assert pipe.get_active_adapters() == ["lora-yo"], "its LoRAs are not the user's"


def test_a_misfit_of_one_encoder_leaves_all_of_them_alone(
    saved: Callable[[str], Path], encoder: TextEncoder, tmp_path: Path
) -> None:
    base = FrozenBase.open(saved("flux"), CPU)
    folder = written(make_learner(base, encoder, rank=2), base, tmp_path / "lora-yo")
    pipe = load_pipeline(saved("flux"), device="cpu")
    before = [set(pipe.components[name].state_dict()) for name in ("text_encoder", "text_encoder_2", "transformer")]
    first, second = (
        folder / "flux" / name / "adapter_model.safetensors" for name in ("text_encoder", "text_encoder_2")
    )
    second.write_bytes(first.read_bytes())
    with pytest.raises(WeightsDoNotFit, match="is unexpected"):
        pipe.load_adapter(folder)
    after = [set(pipe.components[name].state_dict()) for name in ("text_encoder", "text_encoder_2", "transformer")]
    assert after == before


def test_loras_share_the_frozen_weights_of_the_base_and_leave_it_unchanged(base: FrozenBase) -> None:
    before = set(base.denoiser.state_dict())
    shared: Any = share_weights(base.denoiser)
    assert {id(each) for each in shared.parameters()} == {id(each) for each in base.denoiser.parameters()}
    shared.conv_in = torch.nn.Identity()
    assert set(base.denoiser.state_dict()) == before


def test_text_encoders_stay_in_evaluation_mode(base: FrozenBase, encoder: TextEncoder) -> None:
    reader = make_learner(base, encoder, rank=2).module.train()
    assert isinstance(reader, TextReader)
    assert reader.denoiser is not None
    assert reader.denoiser.training
    assert not any(each.training for each in reader.text_encoders.modules())  # type: ignore[union-attr]


@pytest.mark.parametrize("family", ["flux", "sana"])
def test_an_encoder_with_a_head_reads_after_loading_as_in_training(
    family: str, saved: Callable[[str], Path], encoder: TextEncoder, tmp_path: Path
) -> None:
    base = FrozenBase.open(saved(family), CPU)
    learner = randomised(make_student(base, encoder))
    learner.module.encoder.half().float()  # type: ignore[union-attr, operator]
    pipe = load_pipeline(saved(family), adapter=written(learner, base, tmp_path / "iap-yo"), device="cpu")
    with torch.no_grad():
        ids, mask = encoder.tokenize(["aja"], base.length)
        expected = learner.module(ids, mask.bool())
    assert (expected.pooled_BP is None, expected.mask_BL is None) == (family == "sana", family == "flux")
    assert_same(encoded(pipe, family, base, language="yo"), expected)
