"""Build a hub with a few real artifacts, published as users publish them, and its application."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from starlette.testclient import TestClient

from hub.cards import Card, write_card
from hub.conditioning import Conditioning
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.records import Provenance, Score
from server import create_app
from tests.builders.registry import reproduce_claims
from tests.builders.serving import serving

CONDITIONING = Conditioning(width=4, length=2)
PROSE = """# Yoruba for the emoji base

Trained on *CLDR* names. See [its configuration](emoji-sd/config.json) and [the paper](https://arxiv.org/abs/2412.01271).

<script>alert("from a card")</script>

[a trap](javascript:alert(1))

![what it draws](sample.png)

![an image from elsewhere](https://example.org/pixel.png)

| split | R@1 |
|---|---|
| seen | 0.61 |

ọkọ̀ ojú omi

سفينة في البحر
"""


def a_score(value: float, **changes: object) -> Score:
    fields: dict[str, object] = {
        "metric": "r_precision_at_1", "benchmark": "emoji-generation", "split": "seen", "language": "yo",
        "base": "emoji-sd", "provenance": Provenance.SELF_REPORTED,
        "source": "hub evaluate emoji-generation, revision 1, 2 cores", "sample_size": 256, "low": value - 0.06,
        "high": value + 0.06,
    }  # fmt: skip
    return Score(value=value, **{**fields, **changes})


class Publisher:
    """Publishes small artifacts to one hub."""

    def __init__(self, hub: LocalHub, workshop: Path) -> None:
        self.hub = hub
        self.workshop = workshop

    def adapter(
        self, name: str, languages: tuple[str, ...], scores: tuple[Score, ...] = (), prose: str = "", **card: str
    ) -> None:
        folder = self.folder(name)
        card = {
            "kind": "adapter", "summary": f"Reads {languages[0]}.", "license": "apache-2.0", "method": "mulan", **card,
        }  # fmt: skip
        write_card(Card(languages=languages, bases=("emoji-sd",), scores=scores, prose=prose, **card), folder)
        variant = folder / "emoji-sd"
        variant.mkdir(exist_ok=True)
        config = {
            "format": 1, "kind": card["kind"], "method": card["method"], "architecture": "resampler",
            "base": {"name": "linguahub/emoji-sd", "digest": ""},
            "encoder": {"name": "linguahub/emoji-xlmr", "digest": "", "readout": "last_hidden_state"},
            "conditioning": {"width": 4, "length": 2, "pooled_width": None, "mask": False}, "languages": list(languages),
        }  # fmt: skip
        (variant / "config.json").write_text(json.dumps(config))
        save_file({"weight": np.arange(4, dtype=np.float32)}, variant / "model.safetensors")
        Image.new("RGB", (64, 32), "indigo").save(folder / "sample.png")
        self.publish(name, folder)

    def base(self, name: str) -> None:
        folder = self.folder(name)
        card = Card(
            kind="base", summary="Draws emoji from English.", license="apache-2.0", languages=("en",),
            conditioning=CONDITIONING,
        )  # fmt: skip
        write_card(card, folder)
        (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
        (folder / "unet").mkdir(exist_ok=True)
        (folder / "unet" / "config.json").write_text("{}")
        save_file(
            {"weight": np.zeros(1 << 19, dtype=np.float32)}, folder / "unet" / "diffusion_pytorch_model.safetensors"
        )
        self.publish(name, folder)

    def dataset(self, name: str) -> None:
        folder = self.folder(name)
        card = Card(
            kind="dataset", summary="Names of emoji.", license="unicode-3.0", languages=("yo", "ar", "hi", "am")
        )
        write_card(card, folder)
        (folder / "names.txt").write_text("ọkọ̀ ojú omi\n", encoding="utf-8")
        self.publish(name, folder)

    def folder(self, name: str) -> Path:
        folder = self.workshop / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def publish(self, name: str, folder: Path) -> None:
        publish(
            folder, ArtifactName.parse(name, "linguahub"), self.hub.registry, self.hub.store, message=f"Publish {name}"
        )


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """Yield an open hub with the curated cards and a few artifacts.

    `ada/first-yo` has two revisions; the first revision of `bob/withdrawn` is yanked.
    """
    hub = LocalHub.open(tmp_path_factory.mktemp("home"))
    publisher = Publisher(hub, tmp_path_factory.mktemp("workshop"))
    publisher.base("tiny-sd")
    publisher.dataset("tiny-emoji")
    publisher.adapter("ada/first-yo", ("yo",), (a_score(0.2),))
    publisher.adapter(
        "ada/first-yo", ("yo",), (a_score(0.61), a_score(0.2, metric="fid", better="down", low=None, high=None)), PROSE
    )
    reproduce_claims(hub, "ada/first-yo")
    doubted = a_score(
        0.9, language="ar", provenance=Provenance.DISPUTED, source="a blog", reason="the test set was never published"
    )
    publisher.adapter("ada/first-ar", ("ar",), (doubted,), license="mit", method="pea")
    reported = a_score(0.5, language="sw", provenance=Provenance.REPORTED, source="a paper, table 2")
    publisher.adapter("ada/many", ("sw", "yo", "hi", "am", "th", "zh", "ar"), (reported, a_score(0.4)))
    reproduce_claims(hub, "ada/many")
    publisher.adapter("bob/withdrawn", ("ha",))
    publisher.adapter("bob/withdrawn", ("ha",), (a_score(0.3, language="ha"),))
    hub.registry.yank(ArtifactName("bob", "withdrawn"), "1")
    yield hub
    hub.close()


@pytest.fixture(scope="session")
def hub(published: LocalHub) -> LocalHub:
    return published


@pytest.fixture(scope="session")
def client(hub: LocalHub) -> Iterator[TestClient]:
    """Yield a client that calls the application without a network."""
    with TestClient(create_app(hub), follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="session")
def endpoint(hub: LocalHub) -> Iterator[str]:
    """Yield the address of the same application, served by a real uvicorn."""
    with serving(hub) as address:
        yield address
