"""Methods that train an encoder or a denoiser: losses, what must not change, and loading the result."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file

from hub.cli.commands import as_command
from hub.cli.find.show import show
from hub.errors import DamagedFile, DoesNotFit, InvalidRequest, WeightsDoNotFit
from hub.loader import load_pipeline
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from tests.builders.training.toy import complete
from trainers.cli import evaluate, train

TINY = ("--base", "tiny-sd", "--encoder", "tiny-xlmr", "--corpus", "toy", "--steps", "9", "--device", "cpu")


METHODS = ("iap", "altdiffusion", "full", "lora", "prompt-tuning")


def run(capsys: pytest.CaptureFixture[str], command: Any, *arguments: str) -> str:
    capsys.readouterr()
    as_command(command.__name__, command).main(args=list(arguments), standalone_mode=False)
    return capsys.readouterr().out


def train_tiny(method: str, language: str, *arguments: str) -> Path:
    """Train and publish in this process's home, and return the artifact's folder."""
    given = (method, "--lang", language, *TINY, "--no-evaluate", "--push", *arguments, "--json")
    said = io.StringIO()
    with redirect_stdout(said):
        as_command("train", train).main(args=list(given), standalone_mode=False)
    return Path(json.loads(said.getvalue())["folder"])


@pytest.fixture(scope="module")
def taught(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Train an artifact by a method for a language; it is trained once, since its bytes are always the same."""
    root, made = tmp_path_factory.mktemp("taught"), dict[tuple[str, str], Path]()

    def of(method: str, language: str) -> Path:
        if (method, language) not in made:
            with pytest.MonkeyPatch.context() as monkeypatch:
                complete(installed, root / f"{method}-{language}", monkeypatch)
                made[method, language] = train_tiny(method, language)
        return made[method, language]

    return of


@pytest.fixture
def trained(taught: Callable[[str, str], Path], hub: LocalHub, tmp_path: Path) -> Callable[..., Path]:
    """Publish the artifact in this test's home, and return the variant's folder, which a test may change."""

    def of(method: str, language: str = "yo") -> Path:
        folder = tmp_path / "trained" / f"{method}-{language}"
        shutil.copytree(taught(method, language), folder)
        publish(folder, ArtifactName("local", folder.name), hub.registry, hub.store)
        return folder / "tiny-sd"

    return of


def loaded(hub: LocalHub, adapter: Any = None) -> Any:
    pipe = load_pipeline("tiny-sd", adapter=adapter, hub=hub, device="cpu")
    pipe.set_progress_bar_config(disable=True)
    return pipe


def plain_diffusers(base_folder: Path) -> Any:
    pipe = StableDiffusionPipeline.from_pretrained(base_folder, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def drawn(pipe: Any, prompt: Any = "ajá", **settings: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    given = {"num_inference_steps": 2, "guidance_scale": 2.0, "output_type": "pt"} | settings
    return pipe(prompt, generator=generator, **given).images


def own_lora(pipe: Any, folder: Path) -> None:
    """A LoRA such as users have, made for the pipeline's denoiser."""
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    width = pipe.unet.get_submodule(layer).weight.shape[0]
    save_file(
        {
            f"unet.{layer}.lora_A.weight": torch.randn(2, width),
            f"unet.{layer}.lora_B.weight": torch.randn(width, 2),
        },
        folder / "style.safetensors",
    )
    pipe.load_lora_weights(folder, weight_name="style.safetensors", adapter_name="style")


@pytest.mark.parametrize("method", METHODS)
def test_a_published_module_changes_the_images_and_unloading_restores_the_base_bit_for_bit(
    method: str, hub: LocalHub, tmp_path: Path, trained: Callable[..., Path]
) -> None:
    trained(method)
    plain, pipe = loaded(hub), loaded(hub, f"{method}-yo")
    before = drawn(plain)
    assert not torch.equal(drawn(pipe), before)
    assert torch.equal(drawn(pipe, "dog", language="en"), drawn(plain, "dog")), "English goes the base's own way"
    assert not torch.equal(drawn(pipe), before)
    assert pipe.get_active_adapters() == [f"{method}-yo"]
    pipe.unload()
    assert torch.equal(drawn(pipe), before)
    assert pipe.unet.state_dict().keys() == plain.unet.state_dict().keys()
    assert not any(isinstance(layer, BaseTunerLayer) for layer in pipe.text_encoder.modules())
    pipe.save_pretrained(tmp_path / "saved")
    again = plain_diffusers(tmp_path / "saved")
    assert torch.equal(drawn(again), before), "the base is saved afterwards"


@pytest.mark.parametrize("method", METHODS)
def test_the_card_and_the_registry_describe_it(
    method: str, hub: LocalHub, capsys: pytest.CaptureFixture[str], trained: Callable[..., Path]
) -> None:
    variant = trained(method)
    found = hub.registry.get(f"{method}-yo")
    config = json.loads((variant / "config.json").read_text())
    kind = {"iap": "encoder", "prompt-tuning": "adapter"}.get(method, "delta")
    assert (found.kind, found.method, found.bases, found.encoder) == (kind, method, ("tiny-sd",), "")
    assert [each.architecture for each in found.variants] == [config["architecture"]]
    shown = run(capsys, show, f"{method}-yo")
    has_encoder = config["architecture"] == "transformation"
    assert ("own encoder   tiny-sd/encoder" in shown) is has_encoder
    assert (config["encoder"] is not None) is has_encoder
    assert 'load_pipeline("tiny-sd"' in shown
    weights = [load_file(path) for path in variant.rglob("*.safetensors")]
    assert {value.dtype for each in weights for value in each.values()} == {torch.float16}
    if config.get("delta", {}).get("format") == "lora" and has_encoder:
        assert 0 <= config["delta"]["relative_error"] < 1
        assert "stored at rank 32, which omits" in run(capsys, show, f"{method}-yo", "--card")


def test_a_trained_encoder_has_the_same_outputs_after_loading(
    hub: LocalHub, features: Any, trained: Callable[..., Path]
) -> None:
    from transformers import AutoModel

    variant = trained("iap")
    encoder = AutoModel.from_pretrained(variant / "encoder", dtype=torch.float32).eval()
    head = load_file(variant / "model.safetensors")
    row = torch.tensor([features.texts_N.index("ológbò")])
    ids, mask = features.token_ids(row)
    states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    expected = states @ head["transformation.weight"].float().T + head["transformation.bias"].float()
    found = loaded(hub, "iap-yo").encode_prompt("ológbò", torch.device("cpu"), 1, False)[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", ["lora", "altdiffusion"])
def test_plain_diffusers_loads_the_lora(
    method: str, hub: LocalHub, base_folder: Path, trained: Callable[..., Path]
) -> None:
    variant = trained(method)
    ours, theirs = loaded(hub, f"{method}-yo"), plain_diffusers(base_folder)
    states, negative = ours.encode_prompt("ajá", torch.device("cpu"), 1, True)
    expected = drawn(ours)
    alone = drawn(theirs, None, prompt_embeds=states, negative_prompt_embeds=negative)
    theirs.load_lora_weights(str(variant.parent), subfolder=variant.name)
    found = drawn(theirs) if method == "lora" else drawn(
        theirs, None, prompt_embeds=states, negative_prompt_embeds=negative
    )  # fmt: skip
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(alone, expected, atol=1e-5, rtol=1e-4), "the denoiser learnt, too"


def test_plain_diffusers_loads_virtual_tokens_and_all_weights(
    hub: LocalHub, base_folder: Path, trained: Callable[..., Path]
) -> None:
    variant = trained("prompt-tuning")
    prefix = json.loads((variant / "config.json").read_text())["prompt"]["prefix"]
    theirs = plain_diffusers(base_folder)
    theirs.load_textual_inversion(str(variant), weight_name="learned_embeds.safetensors")
    ours = loaded(hub, "prompt-tuning-yo")
    assert torch.equal(drawn(theirs, prefix + "ajá", negative_prompt=prefix), drawn(ours))
    variant = trained("full")
    pipe = loaded(hub, "full-yo")
    drawn(pipe)
    unet = UNet2DConditionModel.from_pretrained(variant / "unet", dtype=torch.float32)
    assert all(torch.equal(value, unet.state_dict()[key]) for key, value in pipe.unet.state_dict().items())


def test_virtual_tokens_are_encoded_in_training_as_by_the_loader(
    hub: LocalHub, features: Any, trained: Callable[..., Path]
) -> None:
    from trainers.methods.prompt_tuning import VirtualPrompt

    variant = trained("prompt-tuning")
    ((_, prompt),) = load_file(variant / "learned_embeds.safetensors").items()
    reader = VirtualPrompt(features.base, len(prompt))
    reader.prompt_VC.data = prompt.float()
    for text in ("", "ajá", "ológbò"):
        expected = reader.read(features, torch.tensor([features.texts_N.index(text)])).tokens_BLC
        found = loaded(hub, "prompt-tuning-yo").encode_prompt(text, torch.device("cpu"), 1, False)[0]
        torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_every_language_uses_its_own_denoiser(method: str, hub: LocalHub, trained: Callable[..., Path]) -> None:
    for language in ("yo", "sw"):
        trained(method, language)
    both = loaded(hub, [f"{method}-yo", f"{method}-sw"])
    prompts = {"yo": "ajá", "sw": "paka"}
    alone = {language: drawn(loaded(hub, f"{method}-{language}"), prompt) for language, prompt in prompts.items()}
    for language in ("sw", "yo", "sw"):
        assert torch.equal(drawn(both, prompts[language], language=language), alone[language])
    with pytest.raises(DoesNotFit, match=r"all prompts of one call share a denoiser.*separate calls") as caught:
        drawn(both, ["paka", "dog"], language=["sw", "en"])
    assert "\n" not in str(caught.value)
    both.set_adapters([])
    assert torch.equal(drawn(both, "dog"), drawn(loaded(hub), "dog")), "silenced, they leave the denoiser alone"


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_users_own_lora_is_unchanged(
    method: str, hub: LocalHub, tmp_path: Path, trained: Callable[..., Path]
) -> None:
    trained(method)
    pipe = loaded(hub)
    own_lora(pipe, tmp_path)
    styled = drawn(pipe)
    assert not torch.equal(drawn(loaded(hub)), styled)
    pipe.load_adapter(f"{method}-yo")
    with_both = drawn(pipe)
    assert pipe.get_active_adapters() == [f"{method}-yo", "style"]
    pipe.set_adapters("style", 1.0)
    assert torch.equal(drawn(pipe), with_both)
    before = drawn(pipe, "dog", language="en")
    pipe.unload()
    assert pipe.get_active_adapters() == ["style"]
    assert torch.equal(drawn(pipe, "dog"), before)
    assert torch.equal(drawn(pipe), styled)


def test_another_pipeline_of_the_same_parts_uses_the_change_too(hub: LocalHub, trained: Callable[..., Path]) -> None:
    trained("full")
    pipe = loaded(hub, "full-yo")
    other = pipe.into(StableDiffusionPipeline)
    other.set_progress_bar_config(disable=True)
    assert torch.equal(drawn(other), drawn(pipe))
    pipe.unload()
    assert torch.equal(drawn(other), drawn(loaded(hub)))


def test_a_changed_encoder_is_refused(hub: LocalHub, trained: Callable[..., Path]) -> None:
    variant = trained("iap")
    path = variant / "encoder" / "model.safetensors"
    save_file({key: value + 1 for key, value in load_file(path).items()}, path, metadata={"format": "pt"})
    with pytest.raises(DamagedFile, match=r"the encoder of `iap-yo` has digest .* and should have"):
        loaded(hub, variant.parent)


@pytest.mark.parametrize(
    ("method", "file", "message"),
    [
        ("lora", "pytorch_lora_weights.safetensors", "and the layer "),
        ("full", "unet/diffusion_pytorch_model.safetensors", "should be"),
        ("prompt-tuning", "learned_embeds.safetensors", "should be one vector of 16"),
    ],
)
def test_a_change_of_another_shape_is_refused_and_leaves_the_base_alone(
    method: str, file: str, message: str, hub: LocalHub, trained: Callable[..., Path]
) -> None:
    variant = trained(method)
    weights = load_file(variant / file)
    wider = {key: torch.cat([value, value], dim=-1) if value.dim() > 1 else value for key, value in weights.items()}
    save_file(wider, variant / file)
    pipe = loaded(hub)
    before = drawn(pipe)
    with pytest.raises(WeightsDoNotFit, match=message) as caught:
        pipe.load_adapter(variant.parent)
    assert "\n" not in str(caught.value)
    assert torch.equal(drawn(pipe), before)
    assert pipe.get_active_adapters() == []


def test_a_resumed_run_of_phases_that_train_different_parts_writes_the_same_bytes(
    hub: LocalHub, tmp_path: Path
) -> None:
    out = ("--out", str(tmp_path / "run"))
    variant = train_tiny("altdiffusion", "yo", *out) / "tiny-sd"
    files = sorted(variant.rglob("*.safetensors"))
    before = [path.read_bytes() for path in files]
    (tmp_path / "run" / "2-quality" / "finished.json").unlink()
    train_tiny("altdiffusion", "yo", *out, "--resume")
    assert [path.read_bytes() for path in files] == before


def test_an_encoder_for_a_base_is_evaluated_on_its_images_and_cannot_be_trained_from(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], trained: Callable[..., Path]
) -> None:
    trained("iap")
    scores = json.loads(run(capsys, evaluate, "iap-yo", "--corpus", "toy", "--n", "3", "--json"))
    assert scores[0]["metric"] == "r_precision_at_1"
    with pytest.raises(InvalidRequest, match="was trained for tiny-sd and cannot be used with another base"):
        run(capsys, train, "iap", "--lang", "yo", *TINY, "--encoder", "iap-yo")
