"""The first page of an artifact: examples, usage and origin."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.cards.front_matter import split_front_matter
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import commit, create
from hub.records import Conditioning, File, Pin, Variant
from hub.registry.artifacts.repositories import change_settings
from server import create_app
from server.pages import formatting
from server.pages.artifact.overview.snippets import Usage, try_path
from server.site.example_prompts import prompt_in
from tests.builders.hub import a_hub
from tests.builders.registry import a_revision, an_artifact, put
from tests.builders.server.people import ROOT

CARDS = Path(__file__).parents[4] / "cards" / "adapters"
WITH_IMAGES = ("memory-yo", "memory-many", "mulan-yo", "pea-many", "mulan-yo-dit")
NAME = ArtifactName("ada", "shown")
PIXEL = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0"


def images(text: str) -> list[str]:
    return re.findall(r'<img src="(/[^"]*/resolve/[^"]*)"', text)


@pytest.mark.parametrize("name", WITH_IMAGES)
def test_a_card_shows_pairs_of_images_without_and_with_the_module(client: TestClient, name: str):
    text = client.get(f"/linguahub/{name}").text
    found = images(text)
    assert len(found) == 12
    assert [("-base.webp" in each) for each in found] == [True, False] * 6
    assert all(client.get(each).headers["content-type"] == "image/webp" for each in found[:2])
    assert "alone, then with" in text


@pytest.mark.parametrize("name", WITH_IMAGES)
def test_the_images_of_a_card_are_small_and_all_listed(name: str):
    folder = CARDS / name
    front_matter, _ = split_front_matter((folder / "README.md").read_text(encoding="utf-8"))
    listed = {entry[key]["url"] for entry in front_matter["widget"] for key in ("output", "without")}
    files = list((folder / "images").iterdir())
    assert listed == {f"images/{file.name}" for file in files}
    assert sum(file.stat().st_size for file in files) <= 15_000


def test_prompts_are_in_their_language_and_script(client: TestClient):
    text = client.get("/linguahub/memory-many").text
    assert '<bdi lang="yo" dir="ltr">ọkàn pupa</bdi> <small dir="auto">red heart (Yoruba)</small>' in text
    assert re.search(r'<bdi lang="ar" dir="rtl">[^<]+</bdi>', text)


def test_lines_to_copy_pin_the_revision_and_have_a_prompt_of_the_language(client: TestClient, hub: LocalHub):
    text = client.get("/linguahub/memory-yo").text.replace("&#34;", '"').replace("&#39;", "'")
    revision = hub.registry.revision("linguahub/memory-yo").id
    pin, commit_id = revision[:12], revision[:40]
    assert f'load_pipeline("emoji-sd", adapter="memory-yo@{pin}")' in text
    assert 'pipe("ọkàn pupa", language="yo")' in text
    assert f"hub pull memory-yo --revision {pin} --endpoint http://testserver" in text
    assert f"hub generate 'ọkàn pupa' --base emoji-sd --adapter memory-yo@{pin} --lang yo" in text
    assert f"HF_ENDPOINT=http://testserver hf download linguahub/memory-yo --revision {commit_id}" in text
    [address] = re.findall(r"curl -LO (\S+)</code>", text)
    assert client.head(address.removeprefix("http://testserver")).status_code == 200


def test_a_prompt_is_tried_where_the_page_for_it_is_and_only_with_weights_here(hub: LocalHub):
    def path(name: str) -> str:
        shown = hub.registry.revision(name, with_files=False)
        return try_path(Usage(artifact=hub.registry.get(name), shown=shown, endpoint="", language="yo"))

    wanted = "/try?prompt=%E1%BB%8Dk%C3%A0n+pupa&lang=yo&base=emoji-sd"
    assert path("linguahub/memory-yo") == f"{wanted}&adapter=memory-yo"
    assert path("linguahub/emoji-sd") == wanted
    assert path("linguahub/full-many") == path("linguahub/emoji-xlmr") == ""


def test_the_query_chooses_the_language_of_the_prompt(client: TestClient):
    text = client.get("/linguahub/pea-many?lang=sw").text
    assert "ndovu" in text
    assert "language=&#34;sw&#34;" in text
    unknown = client.get("/linguahub/pea-many?lang=%3Cb%3E").text
    assert "language=&#34;yo&#34;" in unknown
    assert "<b>" not in unknown
    assert "ọkàn pupa" in client.get("/linguahub/mulan-sd15-base").text
    assert "corazón rojo" in client.get("/linguahub/mulan-sd15-base?lang=es").text


def test_every_language_of_the_lab_has_a_prompt():
    assert prompt_in("yo") == "ọkàn pupa"
    assert prompt_in("pt-BR") == prompt_in("pt") != prompt_in("en")
    assert prompt_in("tlh") == "red heart"


def test_facts_name_memory_training_licence_and_origin(client: TestClient):
    text = client.get("/linguahub/pea-many").text
    facts = dict(re.findall(r"<div><dt>([^<]+)</dt><dd>(.*?)</dd></div>", text, re.DOTALL))
    assert facts["Training"] == "23 min on 1 CPU thread"
    assert re.fullmatch(r"853 kB; [\d.]+ MB with encoder and base", facts["Memory"])
    assert facts["Commercial use"] == "allowed"
    assert (facts["Signature"], facts["Scan"]) == ("unsigned", "no pickles, archives or programs")
    tree = re.search(r'<ul class="tree">.*?</ul>\s*<ul>.*?</ul>', text, re.DOTALL)
    assert tree
    assert tree[0].index("emoji-sd</a>") < tree[0].index("emoji-xlmr</a>") < tree[0].index("<strong>pea-many")


def test_a_base_lists_modules_made_for_it(client: TestClient):
    tree = client.get("/linguahub/emoji-sd").text.partition('class="tree"')[2].partition("</aside>")[0]
    assert len(re.findall(r'<a href="/\w+/[\w-]+">', tree)) == 5
    assert re.search(r'<a href="/\?base=emoji-sd">\d+ more</a>', tree)


def test_the_table_of_scores_in_a_card_is_left_to_the_page_of_scores(client: TestClient):
    text = client.get("/linguahub/pea-many").text
    assert "judge_ceiling_r_precision_at_1" not in text
    headings = re.findall(r'<(h[1-6]) dir="auto">([^<]+)', text)
    assert headings == [("h3", each) for each in ("Usage", "Training", "Cost")], "the page says the name already"
    assert "1367 device-seconds" in text


def test_downloads_are_charted_by_day(client: TestClient, hub: LocalHub):
    assert "<rect" not in client.get("/ada/first-ar").text
    hub.registry.count_download(ArtifactName("ada", "first-ar"))
    text = client.get("/ada/first-ar").text
    assert 'aria-label="1 download in the last 30 days"' in text
    assert len(re.findall("<rect", text)) == 1


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (1367, "23 min"), (5400, "1.5 h")])
def test_durations_are_formatted_for_readers(seconds: float, text: str):
    assert formatting.duration(seconds) == text


HOSTILE = """---
license: mit
widget:
- text: "<script>alert(1)</script>"
  language: "en<b>"
  example_title: "\\"><img src=x onerror=alert(1)>"
  output:
    url: here.webp
  without:
    url: //evil.example/x.png
- output: {url: "https://evil.example/x.png"}
- output: {url: "javascript:alert(1)"}
- output: {url: "../../../login.png"}
- output: {url: image.svg}
- output: {url: absent.webp}
- output: {url: [1]}
- output: text
- 7
- text: elsewhere
  output: {url: "https://huggingface.co/ada/shown/resolve/main/here.webp"}
---

Prose.
"""


def test_only_images_of_the_same_revision_are_shown_whatever_a_card_lists(tmp_path: Path):
    with a_hub(tmp_path) as hub, TestClient(create_app(hub)) as client:
        hub.accounts.add("ada", ROOT)
        create(NAME, hub.registry, hub.store, ROOT)
        contents = {"README.md": HOSTILE.encode(), "here.webp": PIXEL, "image.svg": b"<svg/>"}
        files = [File(path, *hub.store.put(content)) for path, content in contents.items()]
        commit(hub.registry.get(NAME), files, hub.registry, hub.store, ROOT, message="Add a card")
        text = client.get("/ada/shown", headers={"accept": "text/html"}).text
    found = images(text)
    assert len(found) == 2
    assert all(each.endswith("/here.webp") for each in found)
    assert "evil.example" not in text
    assert "<script>alert" not in text
    assert "onerror" not in re.sub(r'alt="[^"]*"|<small[^<]*</small>', "", text)


def test_a_merged_module_names_its_parts_with_their_shares(tmp_path: Path):
    config = {
        "format": 1, "kind": "adapter", "method": "mulan", "architecture": "resampler", "languages": ["yo"],
        "base": {"name": "linguahub/emoji-sd"}, "encoder": {"name": "linguahub/emoji-xlmr", "readout": "mean"},
        "conditioning": {"width": 4, "length": 2},
        "run": {"merged": {"method": "linear", "weights": [0.25, 0.75], "of": [{"name": "ada/part"}, {"name": "ada/hidden"}]}},
    }  # fmt: skip
    with a_hub(tmp_path) as hub, TestClient(create_app(hub)) as client:
        digest, size = hub.store.put(json.dumps(config).encode())
        files = (File("emoji-sd/config.json", digest, size),)
        conditioning = Conditioning(width=4, length=2)
        variant = Variant(
            base=Pin(name="linguahub/emoji-sd"), folder="emoji-sd", method="mulan", architecture="resampler",
            conditioning=conditioning,
        )  # fmt: skip
        put(hub.registry, an_artifact("ada/part", scores=()), "1")
        put(hub.registry, an_artifact("ada/hidden", scores=(), private=True), "2")
        revision = replace(a_revision("ada/merged", "3"), files=files)
        hub.registry.record(an_artifact("ada/merged", scores=(), variants=(variant,)), revision, None)
        text = client.get("/ada/merged", headers={"accept": "text/html"}).text
    assert '<a href="/ada/part">ada/part</a> <small>0.25 of the merge</small>' in text
    assert '<a href="/ada/hidden">' not in text
    assert "ada/hidden <small>0.75 of the merge</small>" in text, "its name is in the public configuration"


def test_images_of_gated_files_are_left_out(tmp_path: Path):
    with a_hub(tmp_path) as gated, TestClient(create_app(gated)) as client:
        gated.accounts.add("ada", ROOT)
        create(NAME, gated.registry, gated.store, ROOT)
        commit(
            gated.registry.get(NAME), [File("a.webp", *gated.store.put(PIXEL))], gated.registry, gated.store, ROOT,
            message="Add an image",
        )  # fmt: skip
        assert len(images(client.get("/ada/shown").text)) == 1
        change_settings(gated.registry.database, NAME, ROOT, gated="manual")
        text = client.get("/ada/shown").text
    assert images(text) == []
    assert "to request access" in text
