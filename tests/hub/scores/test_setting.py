"""The setting that must be equal before two scores are compared."""

from __future__ import annotations

import pytest

from hub.scores.setting import setting_of
from tests.builders.artifacts import a_score


@pytest.mark.parametrize(
    ("n", "setting"),
    [(None, ""), (31, "n < 32"), (32, "n 32–319"), (319, "n 32–319"), (320, "n 320–3,199"), (5000, "n 3,200–31,999")],
)
def test_sample_sizes_have_classes(n, setting):
    assert setting_of(a_score(sample_size=n)) == setting


def test_a_frechet_distance_depends_on_n_itself():
    assert setting_of(a_score(metric="fid[judge@1f0c22ab]", sample_size=128)) == "n 128"
    assert setting_of(a_score(metric="fid_floor[judge]", sample_size=1000)) == "n 1,000"


def test_times_depend_on_the_machine_that_the_run_record_or_the_publisher_names():
    score = a_score(metric="latency_text_to_image", unit="ms", source="hub evaluate x; revision 1; one CPU")
    assert setting_of(score) == "one CPU"
    assert setting_of(score, "eight GPUs") == "eight GPUs"
    assert setting_of(a_score(metric="latency_text_to_image", unit="ms", source="a paper")) == "a paper"
