"""Every family works with a module, on a small random base of the real classes."""

from __future__ import annotations

import diffusers
import pytest
import torch

from hub.embeddings import Embeddings, unpad
from hub.errors import DoesNotFit
from tests.builders.models.bases import SMALL
from tests.compatibility.small_case import OTHER, PROMPT, SmallCase


@pytest.mark.parametrize("family", SMALL)
def test_a_module_changes_the_image_and_without_it_the_image_is_the_base_s_own(
    family: str, cases: dict[str, SmallCase]
) -> None:
    case = cases[family]
    alone = case.differs(case.pipe)
    plain = case.shrunk(
        getattr(diffusers, type(case.pipe).__name__).from_pretrained(case.base_folder, **case.small.parts())
    )
    assert torch.equal(alone, case.draw(plain))


@pytest.mark.parametrize("family", SMALL)
def test_the_denoiser_gets_what_the_module_computes(family: str, cases: dict[str, SmallCase]) -> None:
    case, texts = cases[family], [PROMPT, OTHER]
    found, wanted = case.encode(texts, 2), case.direct(texts)
    repeats = len(found.tokens_BLC) // 2
    _check_same(found, wanted.map(lambda each: each.repeat_interleave(repeats, 0)))


def _check_same(found: Embeddings, wanted: Embeddings) -> None:
    for one_LC, other_LC in zip(unpad(found), unpad(wanted), strict=True):
        assert len(one_LC) >= len(other_LC)
        torch.testing.assert_close(one_LC[: len(other_LC)].float(), other_LC, atol=2e-5, rtol=2e-5)
    if wanted.pooled_BP is not None:
        assert found.pooled_BP is not None
        torch.testing.assert_close(found.pooled_BP.float(), wanted.pooled_BP, atol=2e-5, rtol=2e-5)
    for one, other in zip(found.streams, wanted.streams, strict=True):
        _check_same(one, other)


@pytest.mark.parametrize("family", [name for name, small in SMALL.items() if small.guided is not None])
def test_the_module_reads_negative_prompts(family: str, cases: dict[str, SmallCase]) -> None:
    case, guided = cases[family], SMALL[family].guided or {}
    first = case.draw(case.pipe, negative_prompt=OTHER, **guided)
    assert torch.isfinite(first).all()
    assert not torch.equal(first, case.draw(case.pipe, negative_prompt="ologbo eye", **guided))


SHORTER = {"latte"}
"""Families without a mask whose own embeddings have no padding: shorter than the module's, they are padded with the base's."""


@pytest.mark.parametrize("family", SMALL)
def test_one_batch_mixes_prompts_of_module_and_base_if_the_denoiser_reads_a_mask(
    family: str, cases: dict[str, SmallCase]
) -> None:
    case = cases[family]
    prompts = [PROMPT, "dog"]
    if not case.conditioning.mask and family not in SHORTER:
        with pytest.raises(DoesNotFit, match="the same number of tokens"):
            case.draw(case.pipe, prompts, language=["yo", "en"])
        return
    given = list(prompts)
    drawn = case.draw(case.pipe, given, language=["yo", "en"], **SMALL[family].batched)
    assert torch.isfinite(drawn).all()
    assert not torch.equal(drawn[0], drawn[1])
    assert given == prompts, "a caller's list of prompts never changes"


ROUTES = [(family, route) for family, small in SMALL.items() for route in small.routes]


@pytest.mark.parametrize(("family", "route"), ROUTES, ids=[f"{family}: {route}" for family, route in ROUTES])
def test_other_pipelines_of_the_family_use_the_module(family: str, route: str, cases: dict[str, SmallCase]) -> None:
    case = cases[family]
    name, components, settings = SMALL[family].routes[route](case.pipe)
    made = case.shrunk(case.pipe.into(getattr(diffusers, name), **components))
    with case.small.shrinks():
        case.differs(made, **settings)
