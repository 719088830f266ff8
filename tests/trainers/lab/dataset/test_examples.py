"""The example prompts of the server's page."""

from __future__ import annotations

import json

from tests.builders import ROOT
from trainers.lab.dataset.examples import write_examples


def test_the_examples_of_the_page_are_those_of_the_data_set():
    committed = json.loads((ROOT / "server/site/example_prompts.json").read_text(encoding="utf-8"))
    assert write_examples(ROOT / "cards/datasets/emoji") == committed
