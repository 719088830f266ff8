"""Several modules in memory: chosen by language, by detection, by name; mixed in one batch."""

from __future__ import annotations

import time
import warnings
from typing import Any

import pytest
import torch

from hub.errors import DoesNotFit, InvalidRequest, UnknownLanguage
from hub.images.generate import GenerationSettings, PromptWithLanguage, generate_images
from hub.loader import UndecidedLanguage
from hub.loader.prompts import detection
from tests.builders.models.tiny import tokens


@pytest.fixture
def two(load: Any, make_module: Any) -> Any:
    """Yoruba, then Japanese."""
    return load([make_module("mulan-yo"), make_module("mulan-ja", ("ja",), seed=3)])


def test_each_language_is_read_by_its_own_module(load: Any, make_module: Any, two: Any) -> None:
    alone = {"yo": load(make_module("mulan-yo")), "ja": load(make_module("mulan-ja", ("ja",), seed=3))}
    for tag, pipe in alone.items():
        assert torch.equal(tokens(two, "aja", language=tag), tokens(pipe, "aja", language=tag))
    assert not torch.equal(tokens(two, "aja", language="yo"), tokens(two, "aja", language="ja"))


def test_a_language_can_be_named_in_any_usual_way(two: Any) -> None:
    expected = tokens(two, "aja", language="yo")
    for name in ("yor", "Yoruba", "Yorùbá", "yo-NG"):
        assert torch.equal(tokens(two, "aja", language=name), expected)


def test_one_batch_mixes_languages_in_one_denoising_pass(two: Any, draw: Any) -> None:
    mixed = tokens(two, ["aja", "犬", "eye"], language=["yo", "ja", "yo"])
    one_by_one = torch.cat(
        [tokens(two, text, language=tag) for text, tag in (("aja", "yo"), ("犬", "ja"), ("eye", "yo"))]
    )
    # The encoder sums over a batch of another size in another order.
    torch.testing.assert_close(mixed, one_by_one, atol=1e-5, rtol=1e-5)
    calls: list[int] = []
    hook = two.unet.register_forward_hook(lambda module, inputs, output: calls.append(len(inputs[0])))
    assert draw(two, ["aja", "犬", "eye"], language=["yo", "ja", "yo"], num_inference_steps=3).shape[0] == 3
    hook.remove()
    assert calls == [6, 6, 6]  # guided: three prompts and three negative ones a step


def test_english_can_be_beside_other_languages_in_a_batch(two: Any, load: Any) -> None:
    mixed = tokens(two, ["aja", "a dog"], language=["yo", "en"])
    assert torch.equal(mixed[1:], tokens(load(), "a dog"))


def test_a_module_with_fewer_tokens_than_the_base_is_refused_by_name(load: Any, make_module: Any) -> None:
    shorter = make_module("mulan-yo", module={"queries": 12}, conditioning={"length": 12})
    pipe = load(shorter)
    with pytest.raises(DoesNotFit, match="12 from `mulan-yo` and 16 from the base"):
        tokens(pipe, ["aja", "a dog"], language=["yo", "en"])


def test_english_beside_a_longer_module_is_padded_as_the_base_pads_it(
    load: Any, make_module: Any, draw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pipe = load(make_module("mulan-yo", module={"queries": 20}, conditioning={"length": 20}))
    alone = tokens(pipe, "a dog", language="en")
    assert not caplog.records
    mixed = tokens(pipe, ["aja", "a dog"], language=["yo", "en"])
    assert mixed.shape[:2] == (2, 20)
    assert torch.equal(mixed[:1], tokens(pipe, "aja", language="yo"))
    assert torch.equal(mixed[1:, :16], alone)
    assert torch.equal(mixed[1:, 16:], alone[:, -1:].expand(-1, 4, -1)), "its last padding, repeated"
    (said,) = caplog.messages
    assert "padded to 20 tokens" in said
    images = draw(pipe, ["aja", "a dog"], language=["yo", "en"], negative_prompt=["a cat", "a cat"])
    assert len(images) == 2
    settings = GenerationSettings("a cat", 0, 2, 3.0)
    dog, other = PromptWithLanguage("a dog", "en"), PromptWithLanguage("aja", "yo")
    (alone_image,) = generate_images(pipe, [dog], settings)
    beside = list(generate_images(pipe, [other, dog], settings))
    assert beside[1].tobytes() == alone_image.tobytes(), "`hub generate` gives what the base reads a call of its own"
    assert beside[0].tobytes() != alone_image.tobytes()


def test_languages_are_distinguished_by_script_alone(two: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detected = tokens(two, ["犬", "aja"])
    assert torch.equal(detected, tokens(two, ["犬", "aja"], language=["ja", "yo"]))


def test_an_undecided_language_takes_the_default_and_is_logged(load: Any, make_module: Any) -> None:
    names = [make_module("mulan-ha", ("ha",)), make_module("mulan-ig", ("ig",), seed=3)]
    pipe = load(names)
    with pytest.warns(UndecidedLanguage, match=r"cannot detect the language of 'aja'.*`mulan-ha` reads it.*language="):
        found = tokens(pipe, "aja")
    assert torch.equal(found, tokens(pipe, "aja", language="ha"))
    declared = load(names, language="Igbo")
    with pytest.warns(UndecidedLanguage, match="`mulan-ig` reads it"):
        found = tokens(declared, "aja")
    assert torch.equal(found, tokens(pipe, "aja", language="ig"))


def test_lingua_tells_languages_of_one_script_apart(load: Any, make_module: Any) -> None:
    pipe = load([make_module("mulan-yo"), make_module("mulan-sw", ("sw",), seed=3)])
    prompt = "nyumba nzuri kando ya bahari"
    assert torch.equal(tokens(pipe, prompt), tokens(pipe, prompt, language="sw"))


ENGLISH = ("a red heart on a table", "two dogs playing in the park", "a photo of a cat")
UNCERTAIN = ("ọkàn pupa", "aja", "123 !?", "")
"""Yoruba, what could be either, and what is in no language."""


def test_english_is_the_bases_own_by_default(load: Any, make_module: Any) -> None:
    pipe, plain = load(make_module("mulan-yo")), load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in ENGLISH:
            assert pipe.readers(text) == [("",)]
            assert torch.equal(tokens(pipe, text), tokens(plain, text))
        for text in UNCERTAIN:
            assert pipe.readers(text) == [("mulan-yo",)]


@pytest.mark.parametrize("modules", [("yo",), ("yo", "sw"), ("ja",), ("zh", "en")])
def test_english_is_the_bases_own_beside_any_modules(modules: tuple[str, ...], load: Any, make_module: Any) -> None:
    pipe = load([make_module(f"mulan-{tag}", (tag,), seed=seed) for seed, tag in enumerate(modules)])
    assert pipe.readers(ENGLISH) == [("",)] * len(ENGLISH)


def test_the_requested_language_always_wins(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    assert pipe.readers(ENGLISH, language="yo") == [("mulan-yo",)] * len(ENGLISH)
    assert pipe.readers(UNCERTAIN, language="en") == [("",)] * len(UNCERTAIN)


@pytest.mark.parametrize(
    ("languages", "because"),
    [
        (("ha",), "the detector does not know Hausa"),
        (("sr-Latn",), "it knows Serbian in Cyrillic letters alone"),
        (("mul",), "everything could be a language of the module"),
        (("en",), "that is all the module was made for"),
    ],
)
def test_a_prompt_that_cannot_be_distinguished_from_english_is_read_by_the_module(
    languages: tuple[str, ...], because: str, load: Any, make_module: Any
) -> None:
    pipe = load(make_module("a-module", languages))
    assert pipe.readers(ENGLISH) == [("a-module",)] * len(ENGLISH), because


def test_without_a_detector_only_a_script_is_told_from_english(
    load: Any, make_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "_detector", lambda _: None)
    detection.is_for_base.cache_clear()
    assert load(make_module("mulan-yo")).readers(ENGLISH[0]) == [("mulan-yo",)]
    assert load(make_module("mulan-ja", ("ja",))).readers([ENGLISH[0], "犬"]) == [("",), ("mulan-ja",)]
    detection.is_for_base.cache_clear()


def test_a_multilingual_module_reads_languages_without_another_reader(load: Any, make_module: Any) -> None:
    pipe = load([make_module("mulan-yo"), make_module("mulan-all", ("mul",), seed=3)])
    alone = load(make_module("mulan-all", ("mul",), seed=3))
    assert torch.equal(tokens(pipe, "mbwa", language="sw"), tokens(alone, "mbwa"))


def test_a_language_without_a_reader_is_refused_with_the_available_ones(two: Any) -> None:
    with pytest.raises(
        DoesNotFit, match=r"no loaded module reads Hausa \(`ha`\): `mulan-yo` reads yo; .*hub search --lang ha"
    ):
        tokens(two, "kare", language="ha")
    with pytest.raises(UnknownLanguage, match="Did you mean"):
        tokens(two, "kare", language="Swahilli")
    with pytest.raises(InvalidRequest, match="3 languages for 2 prompts"):
        tokens(two, ["a", "b"], language=["yo", "ja", "yo"])


def test_set_adapters_selects_and_orders_modules(two: Any) -> None:
    assert two.get_active_adapters() == ["mulan-yo", "mulan-ja"]
    two.set_adapters("mulan-ja")
    assert two.get_active_adapters() == ["mulan-ja"]
    with pytest.raises(DoesNotFit, match="no loaded module reads Yoruba"):
        tokens(two, "aja", language="yo")
    two.set_adapters(["mulan-ja", "mulan-yo"])
    assert two.get_active_adapters() == ["mulan-ja", "mulan-yo"]
    with pytest.raises(DoesNotFit, match="no adapter called `mulan-yoo` is loaded: `mulan-yo`, `mulan-ja`"):
        two.set_adapters("mulan-yoo")


def test_silencing_every_module_leaves_the_base(two: Any, load: Any) -> None:
    two.set_adapters([])
    assert torch.equal(tokens(two, "a dog"), tokens(load(), "a dog"))


def test_a_module_can_join_later(load: Any, make_module: Any) -> None:
    pipe = load()
    assert pipe.load_adapter(make_module("mulan-yo")) == "mulan-yo"
    assert pipe.get_active_adapters() == ["mulan-yo"]
    assert torch.equal(tokens(pipe, "aja"), tokens(load(make_module("mulan-yo")), "aja"))


def test_two_modules_of_one_name_are_refused(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    with pytest.raises(DoesNotFit, match="a module called `mulan-yo` is already loaded"):
        pipe.load_adapter(make_module("mulan-yo"))
    assert pipe.get_active_adapters() == ["mulan-yo"]


def test_loras_keep_their_names_beside_modules(load: Any, make_module: Any) -> None:
    from peft import LoraConfig

    pipe = load(make_module("mulan-yo"))
    pipe.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q"]), adapter_name="style")
    assert pipe.get_active_adapters() == ["mulan-yo", "style"]
    pipe.set_adapters("style", 0.5)
    assert pipe.get_active_adapters() == ["mulan-yo", "style"]
    pipe.set_adapters(["mulan-yo", "style"])
    assert pipe.get_active_adapters() == ["mulan-yo", "style"]


def test_weights_are_those_of_the_loras_beside_modules(load: Any, make_module: Any) -> None:
    from peft import LoraConfig
    from peft.tuners.tuners_utils import BaseTunerLayer

    pipe = load(make_module("mulan-yo"))
    for name in ("style", "other"):
        pipe.unet.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q"]), adapter_name=name)

    def scales() -> list[float]:
        layer = next(each for each in pipe.unet.modules() if isinstance(each, BaseTunerLayer))
        return [layer.scaling["style"], layer.scaling["other"]]

    pipe.set_adapters(["style", "mulan-yo", "other"], [0.5, 1.0, 0.25])
    assert scales() == [0.5, 0.25]
    assert pipe.get_active_adapters() == ["mulan-yo", "style", "other"]
    pipe.set_adapters(["mulan-yo", "style", "other"], [None, 0.75, {"mid": 0.5}])
    assert scales()[0] == 0.75
    with pytest.raises(DoesNotFit, match=r"the language module `mulan-yo` has no weight, and 0\.5 is given"):
        pipe.set_adapters(["mulan-yo", "style"], 0.5)
    with pytest.raises(ValueError, match="2 adapters are named, mulan-yo, style, and 1 weights are given"):
        pipe.set_adapters(["mulan-yo", "style"], [0.5])
    assert scales()[0] == 0.75, "a refused call changes nothing"


def test_projectors_of_one_shape_run_in_one_pass(load: Any, make_module: Any) -> None:
    names = {
        tag: make_module(f"pea-{tag}", (tag,), architecture="projector", seed=seed)
        for seed, tag in enumerate(("yo", "ja", "sw"))
    }
    alone = {tag: load(folder) for tag, folder in names.items()}
    pipe = load(list(names.values()))
    texts, tags = ["aja", "犬", "mbwa", "eye"], ["yo", "ja", "sw", "yo"]
    mixed = tokens(pipe, texts, language=tags)
    places = pipe._prompt_encoder._module_cache.banks._places
    assert len(places) == 3
    assert len({id(bank) for bank, _ in places.values()}) == 1
    expected = torch.cat([tokens(alone[tag], text) for text, tag in zip(texts, tags, strict=True)])
    # Batched products sum in another order: a few units in the last place of float32.
    torch.testing.assert_close(mixed, expected, atol=1e-5, rtol=1e-5)


def test_stacked_projectors_keep_one_copy_of_their_weights(load: Any, make_module: Any) -> None:
    pipe = load([make_module(f"pea-{tag}", (tag,), architecture="projector") for tag in ("yo", "ja")])
    tokens(pipe, ["aja", "犬"], language=["yo", "ja"])
    first, second = pipe._prompt_encoder._module_cache.values()
    storages = {each.module.projector[0].weight.untyped_storage().data_ptr() for each in (first, second)}
    assert len(storages) == 1


@pytest.mark.parametrize("rule", ["encode", "zeros", "base"])
def test_an_empty_prompt_is_encoded_as_configured(load: Any, make_module: Any, rule: str) -> None:
    pipe = load(make_module("mulan-yo", prompt={"empty": rule}))
    _, negative = pipe.encode_prompt("aja", pipe.device, 1, True)
    if rule == "zeros":
        assert not negative.any()
    elif rule == "base":
        assert torch.equal(negative, tokens(load(), ""))
    else:
        torch.testing.assert_close(negative, tokens(pipe, ""), atol=1e-5, rtol=1e-5)


def test_prefix_and_dropped_tokens_follow_the_config(load: Any, make_module: Any) -> None:
    rule = {"prefix": "dog cat ", "drop": [1, 2], "length": 14}
    pipe = load(make_module("pea-yo", architecture="projector", prompt={**rule, "negative": {"length": 12}}))
    (resident,) = pipe._prompt_encoder._module_cache.values()
    states, mask = resident.encoder.encode(["dog cat aja"], 14)
    expected = resident.module(states[:, [0, *range(3, 14)]], mask).tokens_BLC
    assert torch.equal(tokens(pipe, "aja"), expected)
    _, negative = pipe.encode_prompt("aja", pipe.device, 1, True, "ile")
    torch.testing.assert_close(
        negative, resident.module(*resident.encoder.encode(["ile"], 12)).tokens_BLC, atol=1e-5, rtol=1e-5
    )


def test_switching_takes_less_than_a_millisecond(two: Any) -> None:
    best = 1.0
    for names in [["mulan-yo"], ["mulan-ja"]] * 10:
        started = time.perf_counter()
        two.set_adapters(names)
        best = min(best, time.perf_counter() - started)
    assert best < 1e-3


def test_a_module_can_be_loaded_into_a_base_that_is_offloaded_by_layers(load: Any, make_module: Any, draw: Any) -> None:
    from accelerate import cpu_offload

    plain, offloaded = load(), load()
    for part in (offloaded.unet, offloaded.vae, offloaded.text_encoder):
        cpu_offload(part, execution_device=torch.device("cpu"))
    assert next(offloaded.unet.parameters()).device.type == "meta"
    module = make_module("mulan-yo")
    for pipe in (plain, offloaded):
        pipe.load_adapter(module)
    assert torch.equal(draw(plain, "aja"), draw(offloaded, "aja"))
