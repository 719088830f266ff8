"""Several languages in one prompt: spans marked by tags, each through its own module, joined within one window."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hub.embeddings import Embeddings
from hub.loader.prompts.language_tags import Span, parse_spans
from hub.loader.prompts.mixed_window import EncodedRow, fill_window
from tests.builders.models.tiny import LENGTH, tokens


@pytest.mark.parametrize(
    ("text", "read", "spans"),
    [
        ("a <yo>ọkàn pupa</yo> on a table", "yo en", [("a", ""), ("ọkàn pupa", "yo"), ("on a table", "")]),
        ("<yo>ọkàn pupa", "yo", [("ọkàn pupa", "yo")]),
        ("<yo>ajá <sw>mbwa", "yo sw", [("ajá", "yo"), ("mbwa", "sw")]),
        ("a <sks> dog by <cat>", "yo en", [("a <sks> dog by <cat>", "")]),
        ("a <ha>kare</ha>", "yo en", [("a <ha>kare</ha>", "")]),
        ("a <yor>ajá</yo> b", "yo", [("a", ""), ("ajá", "yo"), ("b", "")]),
        ("<zh-Hant>狗</zh-Hant>", "zh-Hant", [("狗", "zh-Hant")]),
        ("a </yo> b", "yo", [("a </yo> b", "")]),
        ("<yo></yo>", "yo", [("", "yo")]),
        ("<cat> <yo>ajá", "mul", [("<cat>", ""), ("ajá", "yo")]),
        ("  as it is ", "yo", [("  as it is ", "")]),
    ],
)
def test_only_languages_with_a_reader_are_tags(text: str, read: str, spans: list[tuple[str, str]]) -> None:
    assert list(parse_spans(text, read.split())) == [Span(*each) for each in spans]


@pytest.fixture
def pea(load: Any, make_module: Any) -> Any:
    """Two projectors, of the base's length."""
    same = {"prompt": {"length": LENGTH, "negative": {"length": LENGTH}}, "conditioning": {"length": LENGTH}}
    return load(
        [
            make_module("pea-yo", architecture="projector", **same),
            make_module("pea-sw", ("sw",), seed=3, architecture="projector", **same),
        ]
    )


def by_module(pipe: Any, name: str, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """States (L, C) and mask (L,) of a text through one module, computed plainly."""
    resident = pipe._prompt_encoder._module_cache[name]
    states, mask = resident.encoder.encode([text], resident.config.positive.length)
    return resident.module(states, mask).tokens_BLC[0], mask[0]


def by_base(pipe: Any, text: str) -> tuple[torch.Tensor, int]:
    """The base's own states (L, C), and how many of them are tokens of the text."""
    read = pipe.tokenizer(text, padding="max_length", truncation=True, return_tensors="pt")
    return pipe.text_encoder(read.input_ids)[0][0].detach(), int(read.attention_mask.sum())


def test_spans_of_two_modules_are_joined_in_order_without_their_padding(pea: Any) -> None:
    (first, one), (second, two) = by_module(pea, "pea-yo", "aja"), by_module(pea, "pea-sw", "mbwa")
    own = torch.cat([first[one], second[two]])
    assert 0 < len(own) < LENGTH
    expected = torch.cat([own, second[~two]])[:LENGTH]
    expected = torch.cat([expected, second[-1:].expand(LENGTH - len(expected), -1)])
    found = tokens(pea, "<yo>aja</yo> <sw>mbwa</sw>")
    torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=1e-5)  # batched products sum in another order


def test_text_outside_of_tags_is_the_bases_own(pea: Any) -> None:
    (start, count), (middle, mask) = by_base(pea, "a"), by_module(pea, "pea-yo", "aja")
    end, last = by_base(pea, "b")
    own = torch.cat([start[:count], middle[mask], end[:last], end[last:]])[:LENGTH]
    found = tokens(pea, "a <yo>aja</yo> b")
    torch.testing.assert_close(found[0, : len(own)], own, atol=1e-5, rtol=1e-5)
    assert found.shape[1] == LENGTH


def test_language_of_the_call_is_that_of_text_outside_of_tags(pea: Any) -> None:
    assert torch.equal(tokens(pea, "mbwa <yo>aja</yo>", language="sw"), tokens(pea, "<sw>mbwa</sw> <yo>aja</yo>"))


def test_a_prompt_that_is_one_tag_is_read_as_its_language(pea: Any) -> None:
    torch.testing.assert_close(tokens(pea, "<yo>aja</yo>"), tokens(pea, "aja", language="yo"))
    assert torch.equal(tokens(pea, "<en>a dog</en>"), tokens(pea, "a dog", language="en"))


def test_a_prompt_longer_than_the_window_is_cut_at_its_end(pea: Any) -> None:
    first, one = by_module(pea, "pea-yo", "aja " * 20)
    assert one.all()
    found = tokens(pea, f"<yo>{'aja ' * 20}</yo><sw>{'mbwa ' * 20}</sw>")
    torch.testing.assert_close(found[0], first, atol=1e-5, rtol=1e-5)


def test_resamplers_share_the_window_in_proportion_to_their_text(load: Any, make_module: Any) -> None:
    pipe = load([make_module("mulan-yo"), make_module("mulan-sw", ("sw",), seed=3)])
    (first, one), (second, two) = by_module(pipe, "mulan-yo", "aja eye ile"), by_module(pipe, "mulan-sw", "mbwa")
    share = round(LENGTH * int(one.sum()) / int(one.sum() + two.sum()))
    assert LENGTH // 2 < share < LENGTH
    found = tokens(pipe, "<yo>aja eye ile</yo> <sw>mbwa</sw>")
    torch.testing.assert_close(found[0], torch.cat([first[:share], second[: LENGTH - share]]), atol=1e-5, rtol=1e-5)


def test_mixed_and_plain_prompts_share_a_batch_and_have_negatives(pea: Any, draw: Any) -> None:
    prompts = ["<yo>aja</yo> <sw>mbwa</sw>", "a dog", "a <yo>eye</yo>"]
    tags = ["en", "en", "en"]
    positive, negative = pea.encode_prompt(prompts, pea.device, 1, True, ["ile", "cat", "house"], language=tags)
    one_by_one = torch.cat([tokens(pea, text, language="en") for text in prompts])
    torch.testing.assert_close(positive, one_by_one, atol=1e-5, rtol=1e-5)
    assert negative.shape == positive.shape
    # Each goes the way of its prompt's first span: Yoruba, English, English.
    torch.testing.assert_close(negative[0], by_module(pea, "pea-yo", "ile")[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(negative[1:], tokens(pea, ["cat", "house"], language="en"), atol=1e-5, rtol=1e-5)
    assert draw(pea, prompts, language="en", negative_prompt=["ile", "cat", "house"]).isfinite().all()


def test_a_shorter_negative_is_padded_to_its_prompts_window(load: Any, make_module: Any) -> None:
    pipe = load([make_module("pea-yo", architecture="projector"), make_module("mulan-sw", ("sw",), seed=3)])
    positive, negative = pipe.encode_prompt("<yo>aja</yo> <sw>mbwa</sw>", pipe.device, 1, True, "ile")
    own, _ = by_module(pipe, "pea-yo", "ile")
    assert positive.shape == negative.shape == (1, LENGTH, 32)
    torch.testing.assert_close(negative[0, : len(own)], own, atol=1e-5, rtol=1e-5)


def test_a_mask_counts_what_was_joined_and_pooled_vectors_weigh_their_tokens() -> None:
    def row(count: int, value: float) -> EncodedRow:
        counts = torch.arange(6) < count
        return EncodedRow(Embeddings(torch.full((1, 6, 2), value), torch.full((1, 3), value), counts[None]), counts)

    joined = fill_window([row(1, 4.0), row(3, 8.0)], 6)
    assert joined.tokens_BLC[0, :, 0].tolist() == [4, 8, 8, 8, 0, 0]
    assert joined.mask_BL is not None
    assert joined.mask_BL[0].tolist() == [True] * 4 + [False] * 2
    assert joined.pooled_BP is not None
    assert joined.pooled_BP.tolist() == [[7.0, 7.0, 7.0]]  # (1·4 + 3·8) / 4
