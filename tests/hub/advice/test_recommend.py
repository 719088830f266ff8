"""Recommendations: only usable modules, the most trusted first, and how to train a missing one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hub.advice.recommend import Question, as_json, recommend
from hub.advice.tables import families, methods
from hub.conditioning import Conditioning
from hub.errors import InvalidRequest, UnknownBase
from hub.local import LocalHub
from hub.records import Pin, Provenance, Upstream, Variant
from hub.store import open_store
from tests.builders.artifacts import a_score
from tests.builders.families_table import trained_families
from tests.builders.registry import an_artifact, put

READS = Conditioning(width=768, length=77)


def a_module(name, *scores, base="sdxl", reads=READS, **changes):
    """Return a module with weights for a base that is called `base`."""
    variant = Variant(
        base=Pin(name=f"linguahub/{base}"), folder=base, method="mulan", architecture="resampler", conditioning=reads
    )
    fields = {"bases": (base,), "encoder": "", "scores": scores, **changes}
    return replace(an_artifact(name, **fields), variants=(variant,), weights_digest="a" * 64)


def a_base(name, reads=READS, parameters=1_000_000_000):
    base = an_artifact(name, kind="base", method="", bases=(), encoder="", scores=(), languages=("en",))
    return replace(base, conditioning=reads, weights={"b" * 64: {"F16": parameters}})


def on_sdxl(value, **changes):
    return a_score(value, base="sdxl", **changes)


@pytest.fixture
def ask(registry, tmp_path):
    """Return a function that records artifacts and requests advice for Yoruba on `sdxl`."""
    store, recorded = open_store(tmp_path / "store"), set[str]()

    def asked(*artifacts, reproduced=False, **changes):
        for artifact in (a_base("linguahub/sdxl"), *artifacts):
            if artifact.name.key not in recorded:
                put(registry, artifact, f"{len(recorded):x}", reproduced=reproduced)
                recorded.add(artifact.name.key)
        return recommend(registry, store, Question(**{"languages": ("yo",), "base": "sdxl", **changes}))

    return asked


def names(advice):
    return [each.module.name.name for each in advice.ready]


def test_reproduced_scores_come_first_then_curated_then_other_claims_then_reports(ask):
    advice = ask(
        a_module("bob/reports", on_sdxl(0.99, provenance=Provenance.REPORTED, source="a paper", low=None, high=None)),
        a_module("bob/claims", on_sdxl(0.95)), a_module("linguahub/curated", on_sdxl(0.5)), a_module("linguahub/unmeasured"),
    )  # fmt: skip
    assert names(advice) == ["curated", "claims", "reports", "unmeasured"]
    assert advice.ready[-1].unknown == ("no score in Yoruba",)
    assert advice.sentences == (
        "Load `curated` for Yoruba on `sdxl`: Yoruba: r_precision_at_1 0.5 on emoji-generation/seen, self-reported.",
    )


def test_a_reproduced_score_passes_a_better_claim(ask):
    assert names(ask(a_module("ada/honest", on_sdxl(0.3)), reproduced=True)) == ["honest"]


def test_prompts_that_were_not_trained_on_decide_before_those_that_were(ask):
    advice = ask(
        a_module("linguahub/learnt-by-heart", on_sdxl(0.9), on_sdxl(0.1, split="pairs")),
        a_module("linguahub/transfers", on_sdxl(0.5), on_sdxl(0.4, split="pairs")),
    )
    assert names(advice) == ["transfers", "learnt-by-heart"]


def test_modules_that_do_not_work_on_the_base_are_left_out_with_the_reason(ask):
    advice = ask(
        a_module("linguahub/narrow", reads=Conditioning(width=512, length=77)),
        replace(a_module("linguahub/unpublished"), weights_digest=""),
        a_module("linguahub/other", base="emoji-sd"),
    )
    assert names(advice) == []
    reasons = {each.module: each.reason for each in advice.excluded}
    assert "takes 77 tokens of width 768" in reasons["linguahub/narrow"]
    assert reasons["linguahub/unpublished"] == "its weights are not published"
    assert "linguahub/other" not in reasons


def test_a_module_for_a_base_with_the_same_conditioning_fits_too(ask):
    advice = ask(a_base("linguahub/twin"), a_module("linguahub/for-the-twin", base="twin"))
    assert names(advice) == ["for-the-twin"]
    assert advice.ready[0].fit.made_for_it is False


def test_a_zero_shot_module_is_offered_only_if_none_was_trained_on_the_language(ask):
    zero_shot = a_module("linguahub/zero-shot", languages=("mul",), trained_languages=("en",))
    advice = ask(zero_shot)
    assert (names(advice), advice.missing) == (["zero-shot"], ("yo",))
    assert advice.ready[0].languages[0].zero_shot is True
    advice = ask(a_module("linguahub/trained"))
    assert (names(advice), advice.missing) == (["trained"], ())
    (excluded,) = advice.excluded
    assert excluded.reason == "it reads Yoruba zero-shot, and `linguahub/trained` was trained on it"


def test_memory_above_the_limit_is_quantised_or_left_out(ask):
    module = replace(a_module("linguahub/large"), weights={"c" * 64: {"F16": 9_000_000_000}})
    assert (ask(module).ready[0].memory.dtype, ask(module).ready[0].memory.gigabytes) == ("fp16", 20.0)
    assert ask(module, max_vram=12).ready[0].memory.dtype == "8bit"
    advice = ask(module, max_vram=4)
    assert names(advice) == []
    assert advice.excluded[0].reason == "its weights and the base's take 5.6 GB even in 4bit, more than 4 GB"


def test_a_card_that_states_no_parameters_is_told(ask):
    advice = ask(
        a_module("linguahub/far", upstream=(Upstream(repository="o/r", file="f"),), encoder="nowhere"), max_vram=4
    )
    assert advice.ready[0].unknown[-1] == "memory of linguahub/nowhere: no card states their parameters"


def test_one_module_for_all_languages_comes_before_one_for_some(ask):
    both = a_module("linguahub/both", languages=("yo", "sw"))
    advice = ask(a_module("linguahub/one", on_sdxl(0.9)), both, languages=("yo", "sw"))
    assert names(advice) == ["both", "one"]
    assert advice.ready[1].unknown == ("it is not made for Swahili",)


def test_without_a_module_the_methods_that_can_train_one_are_listed_with_cost_and_command(ask):
    advice = ask(languages=("ha",), budget=1000.0, needs=("culture",))
    best = advice.training[0]
    assert best.command == (
        "hub train altdiffusion --base sdxl --lang ha --encoder xlm-roberta-large --corpus FOLDER --caption-column en=COLUMN "
        "--caption-column ha=COLUMN"
    )
    memory = next(each for each in advice.training if each.method == "memory")
    assert (memory.within_budget, memory.device) == (True, "H100 SXM")
    assert memory.dollars == pytest.approx(memory.device_seconds / 3600 * 2)
    assert memory.evidence is None
    assert advice.refused["prompt-tuning"] == "it does not train for SDXL: see docs/train/families.md"
    assert [each.need for each in advice.study] == ["budget", "culture", "one-language"]
    json.dumps(as_json(advice))


def test_a_cost_above_the_budget_comes_last(ask):
    advice = ask(languages=("ha",), budget=1.0)
    assert [each.within_budget for each in advice.training] == sorted(
        (each.within_budget for each in advice.training), key=[True, None, False].index
    )
    assert advice.training[-1].within_budget is False


def test_mclip_is_never_recommended_for_generating_images(ask):
    advice = ask(languages=("ha", "sw", "yo", "hi", "zh", "ar", "fr", "am", "th", "ig"), needs=("many-languages",))
    assert "mclip" not in {each.method for each in advice.training}
    assert advice.refused["mclip"] == "it retrieves images and cannot generate them"


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"languages": ()}, "missing --lang"), ({"languages": ("yo",) * 21}, "21 languages at once"),
        ({"budget": -1.0}, "`budget` is -1"), ({"max_vram": 0.0}, "`max_vram` is 0"), ({"needs": ("speed",)}, "unknown need `speed`"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_refused(ask, asked, error):
    with pytest.raises(InvalidRequest, match=error):
        ask(**asked)


def test_an_unknown_base_is_refused_with_similar_ones(ask):
    with pytest.raises(UnknownBase, match="sdxl"):
        ask(base="sdxll")


def test_every_line_for_the_curated_bases_trains_a_pair_that_is_tested():
    tested = trained_families()
    with LocalHub.open() as hub:
        for family, bases in families().items():
            for base in bases:
                advice = recommend(hub.registry, hub.store, Question(languages=("ha",), base=base))
                for each in advice.training:
                    assert family in tested[each.method], (base, each.method)
                assert {*advice.refused, *(each.method for each in advice.training)} >= {
                    each.name for each in methods()
                }
