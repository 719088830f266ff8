"""Every pipeline of the installed diffusers that takes prompts is in a family, or has a reason in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.bases.family import families, family_of
from hub.bases.refused import REFUSED
from hub.errors import DoesNotFit
from tests.compatibility.coverage.__main__ import report
from tests.compatibility.coverage.classes import pipelines_with_prompts
from tests.compatibility.coverage.reasons import NOT_YET, REASONS


def test_every_class_of_diffusers_that_no_family_has_has_a_reason() -> None:
    ours = {name for family in families() for name in family.pipeline_classes}
    assert sorted(pipelines_with_prompts() - ours - set(REASONS)) == []
    assert report()[1]


def test_no_reason_is_about_a_class_that_a_family_has_or_diffusers_lacks() -> None:
    ours = {name for family in families() for name in family.pipeline_classes}
    assert sorted(set(REASONS) & ours) == []
    assert sorted(set(REASONS) - pipelines_with_prompts()) == []
    assert not REFUSED.keys() & NOT_YET.keys()
    assert all(len(reason.split()) >= 3 for reason in REASONS.values())


def test_every_class_of_a_family_is_in_diffusers() -> None:
    ours = {name for family in families() for name in family.pipeline_classes}
    assert sorted(ours - pipelines_with_prompts()) == []


def test_a_class_that_cannot_take_embeddings_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "OmniGenPipeline"}')
    with pytest.raises(DoesNotFit, match=r"does not support language modules \(its transformer reads the tokens"):
        family_of(tmp_path)
