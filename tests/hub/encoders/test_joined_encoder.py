"""A module that reads two encoders side by side, as MultilingualSD3 does: states joined on channels, each encoder with its own words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers import StableDiffusion3Pipeline
from torch import Tensor
from transformers import BertConfig, BertModel, BertTokenizer

from hub.cards import read_variant
from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit, InvalidCard, InvalidRequest
from hub.home import Home
from hub.loader import load_pipeline
from hub.local import LocalHub
from hub.records import Pin
from hub.remote.published_systems import pull
from hub.weights.digest import digest_of
from hub.weights.strict import save_weights
from tests.builders.models.families import JOINT, POOLED, save_base
from tests.builders.models.published_files import pea
from tests.builders.models.tiny import ENCODER_WIDTH, WORDS, make_encoder
from tests.builders.upstream.cache import CLOSED, seed, write

SECOND = 16
"""Channels of the BERT that is read beside XLM-R."""
LENGTH = 77
TEXTS = ["aja eye", "ọkàn", ""]
NAMES = ("linguahub/far-xlmr", "linguahub/far-bert")


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As diffusers keeps it: `text_encoder/` beside `tokenizer/`, in a pipeline's folder with other parts."""
    folder = tmp_path_factory.mktemp("pipelines") / "hunyuan"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz"]
    pieces += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    tokenizer = BertTokenizer(vocab={piece: place for place, piece in enumerate(dict.fromkeys(pieces))})
    tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "tokenizer" / "tokenizer.json").unlink()  # as there: vocab.txt alone
    (folder / "tokenizer" / "vocab.txt").write_text("\n".join(tokenizer.convert_ids_to_tokens(range(len(tokenizer)))))
    torch.manual_seed(8)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=SECOND, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=128,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder / "text_encoder")
    (folder / "transformer").mkdir()
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").write_bytes(b"other parts are never looked at")
    return folder


@pytest.fixture(scope="session")
def xlmr_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With as many positions as 77 tokens need."""
    return make_encoder(tmp_path_factory.mktemp("encoders") / "far-xlmr", seed=1, positions=128)


@pytest.fixture(scope="session")
def sd3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base("stable-diffusion-3", tmp_path_factory.mktemp("bases") / "tiny-sd3")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the layout of `pytorch_model.bin`: four linears, `fc` behind them; as a wrapper for several devices saves it."""
    torch.manual_seed(4)
    shapes = pea(ENCODER_WIDTH + SECOND, 12, 2 * POOLED, 4, behind=JOINT)
    weights = {key: torch.randn(shape) / shape[-1] ** 0.5 for key, shape in shapes.items()}
    folder = tmp_path_factory.mktemp("published")
    torch.save({f"module.{key}": value for key, value in weights.items()}, folder / "pytorch_model.bin")
    return folder / "pytorch_model.bin"


@pytest.fixture
def hub(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sd3_folder: Path,
    xlmr_folder: Path,
    bert_folder: Path,
    published: Path,
) -> Iterator[LocalHub]:
    """Cards alone, as those of MultilingualSD3 and of its two encoders, whose files are in Hugging Face's cache."""
    cache, cards = tmp_path / "cache", tmp_path / "cards"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", CLOSED)
    reads = {"width": JOINT, "pooled_width": 2 * POOLED}
    write(cards / "bases" / "far-sd3", "base", "org/sd3", "model_index.json", conditioning=reads)
    write(cards / "encoders" / "far-xlmr", "encoder", "org/xlmr", "model.safetensors")
    write(cards / "encoders" / "far-bert", "encoder", "org/hunyuan", "text_encoder/model.safetensors")
    ours = {"method": "pea", "encoder": " + ".join(NAMES)}
    write(cards / "adapters" / "far-pea", "adapter", "org/pea", "pytorch_model.bin", **ours)
    card = cards / "adapters" / "far-pea" / "README.md"
    card.write_text(
        card.read_text().replace('"language": "en"', '"language": "zh", "base_model": ["linguahub/far-sd3"]')
    )
    (tmp_path / "pea").mkdir()
    shutil.copyfile(published, tmp_path / "pea" / published.name)
    seed(cache, "org/sd3", sd3_folder)
    seed(cache, "org/xlmr", xlmr_folder)
    seed(cache, "org/hunyuan", bert_folder)
    seed(cache, "org/pea", tmp_path / "pea")
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path / "home", cards, "linguahub")) as opened:
        yield opened


def expected_of(texts: list[str], xlmr: Path, bert: Path, published: Path) -> tuple[Tensor, Tensor]:
    """Tokens (B, 77, C) and pooled (B, P) as the system's own lines compute them, from transformers' models and the file's keys."""
    from transformers import AutoModel, AutoTokenizer

    states = []
    for model_folder, tokenizer_folder in ((xlmr, xlmr), (bert / "text_encoder", bert / "tokenizer")):
        tokenizer, model = AutoTokenizer.from_pretrained(tokenizer_folder), AutoModel.from_pretrained(model_folder)
        given = tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
        mask = given.attention_mask
        with torch.no_grad():
            states.append(model.float().eval()(input_ids=given.input_ids, attention_mask=mask).last_hidden_state)
    w = {key.removeprefix("module."): value for key, value in torch.load(published, weights_only=True).items()}
    x = torch.cat(states, dim=-1)
    x = F.layer_norm(x, x.shape[-1:], w["layernorm.weight"], w["layernorm.bias"])
    for place in (0, 2, 4, 6):
        x = (F.gelu(x) if place else x) @ w[f"projector.{place}.weight"].T
    return F.gelu(x) @ w["fc.weight"].T + w["fc.bias"], x.mean(dim=1)


def pulled(hub: LocalHub) -> None:
    pull(hub.registry.get("far-pea"), hub.snapshot("far-pea"), hub.registry, hub.store, endpoint=CLOSED)


def test_it_is_pulled_and_generates_with_both_encoders(
    hub: LocalHub, xlmr_folder: Path, bert_folder: Path, published: Path
) -> None:
    pulled(hub)
    (variant,) = hub.registry.get("far-pea").variants
    assert variant.encoders == (Pin(name="far-xlmr"), Pin(name="far-bert"))
    assert hub.registry.get("far-pea").encoder == "far-xlmr + far-bert"
    pipe: Any = load_pipeline("far-sd3", adapter="far-pea", hub=hub, device="cpu")
    pipe.set_progress_bar_config(disable=True)
    assert isinstance(pipe, StableDiffusion3Pipeline)
    tokens, negative, pooled, negative_pooled = pipe.encode_prompt(
        TEXTS, None, None, negative_prompt=["eye", "", "aja"], language="zh"
    )
    expected = expected_of(TEXTS, xlmr_folder, bert_folder, published)
    torch.testing.assert_close((tokens, pooled), expected, atol=1e-5, rtol=1e-4)
    expected = expected_of(["eye", "", "aja"], xlmr_folder, bert_folder, published)
    torch.testing.assert_close((negative, negative_pooled), expected, atol=1e-5, rtol=1e-4)

    def draw(prompt: str) -> Tensor:
        settings = {"height": 32, "width": 32, "num_inference_steps": 2, "output_type": "np", "language": "zh"}
        return torch.from_numpy(pipe(prompt, generator=torch.Generator().manual_seed(1), **settings).images)

    assert not torch.equal(draw("aja eye"), draw("eye"))


def test_the_published_file_is_restored_with_its_own_keys(hub: LocalHub, tmp_path: Path, published: Path) -> None:
    from hub.convert import export

    pulled(hub)
    export(hub.snapshot("far-pea") / "far-sd3", tmp_path / "again.bin", what="far-pea")
    first, again = (torch.load(path, weights_only=True) for path in (published, tmp_path / "again.bin"))
    assert first.keys() == again.keys()
    assert all(torch.equal(value, again[key]) for key, value in first.items())


@pytest.fixture
def module_folder(tmp_path: Path, xlmr_folder: Path, bert_folder: Path) -> Callable[..., Path]:
    """A module of two encoders for `tiny-sd3`, in a folder."""
    from hub.systems.architectures import build

    def make(**changes: Any) -> Path:
        sizes = {"in_width": ENCODER_WIDTH + SECOND, "out_width": JOINT, "hidden_width": 12, "pooled_width": 2 * POOLED}
        pins = [{"name": NAMES[0], "digest": digest_of(xlmr_folder)},
                {"name": NAMES[1], "digest": digest_of(bert_folder / "text_encoder")}]  # fmt: skip
        config = {
            "format": 1, "kind": "adapter", "method": "pea", "architecture": "projector", "module": sizes,
            "base": {"name": "linguahub/tiny-sd3", "digest": ""}, "encoder": pins,
            "conditioning": {"width": JOINT, "length": 12, "pooled_width": 2 * POOLED, "mask": False},
            "prompt": {"length": 12}, "languages": ["zh"], "run": {}, "parent": "", **changes,
        }  # fmt: skip
        torch.manual_seed(2)
        variant = tmp_path / "modules" / "two" / "tiny-sd3"
        save_weights(build("projector", sizes), variant / "model.safetensors")
        (variant / "config.json").write_text(json.dumps(config))
        return variant.parent

    return make


def test_its_encoders_are_given_as_folders_in_the_order_of_its_config(
    load: Callable[..., Any], module_folder: Callable[..., Path], sd3_folder: Path, xlmr_folder: Path, bert_folder: Path
) -> None:
    both = [xlmr_folder, bert_folder / "text_encoder"]
    pipe = load(module_folder(), base=sd3_folder, encoder=both)
    tokens = pipe.encode_prompt("aja", None, None, language="zh")[0]
    assert tokens.shape == (1, 12, JOINT)
    with pytest.raises(
        DoesNotFit, match=r"trained on the encoder `linguahub/far-xlmr` .*`hub pull linguahub/far-xlmr`"
    ):
        load(module_folder(), base=sd3_folder, encoder=both[::-1])
    with pytest.raises(
        InvalidRequest, match=r"reads 2 encoders, `linguahub/far-xlmr`, `linguahub/far-bert`, and .* names 1"
    ):
        load(module_folder(), base=sd3_folder, encoder=xlmr_folder)


def test_both_encoders_are_freed_and_read_again(
    load: Callable[..., Any], module_folder: Callable[..., Path], sd3_folder: Path, xlmr_folder: Path, bert_folder: Path
) -> None:
    pipe = load(module_folder(), base=sd3_folder, encoder=[xlmr_folder, bert_folder / "text_encoder"])
    before = pipe.encode_prompt("eye", None, None, language="zh")[0]
    models = [TextEncoder.from_folder(each).model.float() for each in (xlmr_folder, bert_folder / "text_encoder")]
    kept = [value for model in models for value in (*model.parameters(), *model.buffers())]
    assert pipe.free_encoder() == sum(value.nbytes for value in kept)
    pipe.encode_prompt("aja", None, None, language="zh")
    assert torch.equal(pipe.encode_prompt("eye", None, None, language="zh")[0], before)


def test_widths_that_do_not_add_up_are_refused(
    load: Callable[..., Any], module_folder: Callable[..., Path], sd3_folder: Path, xlmr_folder: Path
) -> None:
    pins = [{"name": NAMES[0], "digest": ""}, {"name": NAMES[1], "digest": ""}]
    pipe = load(base=sd3_folder, encoder=[xlmr_folder, xlmr_folder])
    with pytest.raises(
        DoesNotFit, match=rf"width {ENCODER_WIDTH + SECOND}, and its encoder `.*far-xlmr \+ .*far-bert` gives 48"
    ):
        pipe.load_adapter(module_folder(encoder=pins))
    assert pipe.get_active_adapters() == []


def test_read_outs_of_several_lengths_cannot_be_joined(xlmr_folder: Path) -> None:
    whole = TextEncoder.from_folder(xlmr_folder)
    with pytest.raises(DoesNotFit, match=r"the same number of tokens, but these give \[12, 1\]"):
        JoinedEncoder((whole, whole.with_readout("mean"))).encode(["aja"], 12)


def test_a_token_counts_if_any_encoder_counts_it(xlmr_folder: Path, bert_folder: Path) -> None:
    parts = TextEncoder.from_folder(xlmr_folder), TextEncoder.from_folder(bert_folder / "text_encoder")
    _, mask_BL = JoinedEncoder(parts).encode(["aja eye", "x"], 12)
    own = [part.encode(["aja eye", "x"], 12)[1] for part in parts]
    assert torch.equal(mask_BL, own[0] | own[1])
    assert not torch.equal(own[0], own[1])


def test_every_wrong_pin_of_a_list_is_named(module_folder: Callable[..., Path]) -> None:
    folder = module_folder(encoder=[{"digest": "x"}, {"name": NAMES[1], "digest": 3}])
    with pytest.raises(InvalidCard, match=r"`encoder` must have a `name`.*`encoder.digest` is 3, not text"):
        read_variant(folder / "tiny-sd3")


def test_an_encoder_that_was_given_no_mask_attends_to_padding(xlmr_folder: Path) -> None:
    """As MultilingualFLUX's example calls ByT5: by ids alone."""
    encoder = TextEncoder.from_folder(xlmr_folder)
    ids_BL, _ = encoder.tokenize(["aja"], 12)
    with torch.no_grad():
        expected = encoder.model(input_ids=ids_BL, attention_mask=torch.ones_like(ids_BL)).last_hidden_state
    tokens_BLE, mask_BL = encoder.with_readout("last_hidden_state", sees_padding=True).encode(["aja"], 12)
    torch.testing.assert_close(tokens_BLE, expected)
    assert (tokens_BLE - encoder.encode(["aja"], 12)[0]).abs().max() > 1e-3
    assert mask_BL.sum() < 12


def test_an_encoder_of_a_pipeline_is_copied_with_its_tokenizer(bert_folder: Path, tmp_path: Path) -> None:
    from hub.cli.transfer.pull import copy

    alone = TextEncoder.from_folder(copy(bert_folder / "text_encoder", tmp_path / "bert"))
    there = TextEncoder.from_folder(bert_folder / "text_encoder")
    assert torch.equal(alone.encode(TEXTS, 12)[0], there.encode(TEXTS, 12)[0])
