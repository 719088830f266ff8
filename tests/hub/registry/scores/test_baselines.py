"""A translation baseline is compared with a module only on the same benchmark, digest, split and base."""

from __future__ import annotations

from dataclasses import replace

from hub.names import ArtifactName
from hub.registry.scores.baselines import translation_scores
from tests.builders.artifacts import a_score
from tests.builders.registry import an_artifact, fill

MODULE = ArtifactName("ada", "module")
LIKE = a_score(benchmark_digest="d" * 64, split="seen", base="emoji-sd", language="yo")


def found(registry, like=LIKE, metrics=(LIKE.metric,), without=MODULE):
    scores = translation_scores(registry.database, like, metrics, without)
    return [(str(name), score.value) for name, score in scores]


def test_only_equal_conditions_are_compared(registry):
    scores = (
        replace(LIKE, value=0.5), replace(LIKE, value=0.4, benchmark_digest="e" * 64), replace(LIKE, value=0.3, split="pairs"),
        replace(LIKE, value=0.2, base="emoji-dit"), replace(LIKE, value=0.1, metric="fid"),
    )  # fmt: skip
    translator = an_artifact("linguahub/translate-yo", method="translate", scores=scores)
    fill(registry, translator, reproduced=False)
    assert found(registry) == [("linguahub/translate-yo", 0.5)]
    assert found(registry, metrics=(LIKE.metric, "fid")) == [("linguahub/translate-yo", value) for value in (0.5, 0.1)]


def test_only_curated_visible_translators_of_the_base_count_and_none_is_its_own_baseline(registry):
    score = (replace(LIKE, value=0.5),)
    fill(
        registry,
        an_artifact("linguahub/a", method="translate", scores=score),
        an_artifact("linguahub/b", method="mulan", scores=score),
        an_artifact("linguahub/c", method="translate", scores=score, bases=("sd15",)),
        an_artifact("linguahub/d", method="translate", scores=score, private=True),
        an_artifact("eve/e", method="translate", scores=score),
        reproduced=False,
    )
    assert found(registry) == [("linguahub/a", 0.5)]
    assert found(registry, without=ArtifactName("linguahub", "a")) == []
