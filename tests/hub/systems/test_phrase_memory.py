"""A phrase memory: its comparisons, and the subtraction of the languages' means."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hub.errors import DoesNotFit
from hub.systems.architectures import build
from hub.systems.phrase_memory import SHARPNESS, Aligner, PhraseMemory

WIDTHS, PHRASES = (6, 4), 5


def filled(
    gap: float = 20, aligned_weight: float = 1.5, weights: tuple[float, ...] = (3.0, 1.0)
) -> tuple[PhraseMemory, torch.Tensor, torch.Tensor]:
    """Return a memory of two languages, its phrases' states, and states of the same phrases far away: the other language."""
    torch.manual_seed(0)
    english = torch.randn(PHRASES, sum(WIDTHS))
    other = english + gap
    memory = PhraseMemory(WIDTHS, PHRASES, 2, aligned_weight=aligned_weight)
    memory.fill(english, 0, [english, other], weights)
    return memory.eval(), english, other


def test_an_untrained_aligner_returns_its_input() -> None:
    states = torch.randn(3, 6)
    assert torch.allclose(Aligner(6, 8)(states), F.normalize(states, dim=-1))


def test_each_phrase_is_nearest_to_itself_in_both_languages() -> None:
    memory, english, other = filled()
    for states in (english, other):
        assert memory(states).argmax(dim=1).tolist() == list(range(PHRASES))


def test_similarities_are_those_of_the_formula() -> None:
    memory, english, _ = filled()
    text = english[:1] + 0.1 * torch.randn(1, sum(WIDTHS))
    deviation = (text - memory.means_GE) / memory.deviations_E
    distances = sum(part.square().mean(dim=1) for part in deviation.split(WIDTHS, dim=1))
    mean = torch.softmax(-SHARPNESS * distances, dim=0) @ memory.means_GE
    expected = torch.zeros(PHRASES)
    centred = zip((text - mean).split(WIDTHS, dim=1), memory.keys(), memory.aligners, memory.scales_E, strict=True)
    for part, keys, aligner, scale in centred:
        own = F.normalize(part, dim=1)
        expected += scale * ((own @ keys.T)[0] + 1.5 * (aligner(own) @ keys.T)[0])
    assert torch.allclose(memory(text)[0], expected, atol=1e-5)


def test_an_encoder_counts_by_its_weight() -> None:
    (even, english, _), (first, _, _) = filled(weights=(1.0, 1.0)), filled(weights=(3.0, 1.0))
    assert torch.allclose(first.scales_E, even.scales_E * torch.tensor([3.0, 1.0]))
    assert torch.allclose(first(english) - even(english), 2 * part_of(even, english), atol=1e-5)


def part_of(memory: PhraseMemory, states: torch.Tensor) -> torch.Tensor:
    """Return the similarities by the first encoder alone."""
    own, keys = memory.centre(states)[0], memory.keys()[0]
    return (own + memory.aligned_weight * memory.aligners[0](own)) @ keys.T * memory.scales_E[0]


def test_a_memory_published_without_a_weight_reads_as_it_was_measured() -> None:
    module = build("phrase-memory", {"widths": [4], "phrases": 3, "languages": 2})
    assert isinstance(module, PhraseMemory) and module.aligned_weight == 1.0


def test_a_text_in_a_language_without_a_mean_is_read_between_the_nearest() -> None:
    memory, english, _ = filled(gap=1)
    assert memory(english + 0.5).argmax(dim=1).tolist() == list(range(PHRASES))


@pytest.mark.parametrize(
    "settings", [{"widths": []}, {"phrases": 0}, {"languages": 0}, {"hidden_width": 0}], ids=lambda one: next(iter(one))
)
def test_an_empty_memory_is_refused_in_one_line(settings: dict[str, object]) -> None:
    with pytest.raises(DoesNotFit, match="at least 1") as caught:
        build("phrase-memory", {"widths": [4], "phrases": 3, "languages": 2} | settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_an_invalid_weight_is_refused_in_one_line(weight: float) -> None:
    with pytest.raises(DoesNotFit, match="must be positive") as caught:
        build("phrase-memory", {"widths": [4], "phrases": 3, "languages": 2, "aligned_weight": weight})
    assert "\n" not in str(caught.value)
