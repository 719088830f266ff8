"""The report of the study as pages: rendered safely, with working links, and from whatever `hub study` has written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from server.pages.study.chapters import chapter, chapters, find_report
from server.pages.study.image_size import image_size
from tests.builders import ROOT

REPORT = """---
hide: [toc]
---

# The study, measured

See [the *cells*](cells.csv), [steps](questions.md#fewer-steps), [methods](../train/methods.md#mulan), [a paper](https://arxiv.org/abs/1),
[nothing](missing.md), [a trap](javascript:alert(1)) and <script>alert("report")</script>.

## Quality

|  | yo | ar | mean |
|---|---|---|---|
| **ours**: memory | .63 [.57–.68] | – | not measured |

## Quality

| resources | low | high | all |
|---|---|---|---|
| a | 1 | 2 | 3 |

![R@1 "by" language](plot.svg)

![an image from elsewhere](https://example.org/a.png)
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10pt" viewBox="0 0 720 331.2"></svg>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.md").write_text(REPORT, encoding="utf-8")
    (tmp_path / "questions.md").write_text(
        "# Open questions\n\n## Fewer steps\n\nNot measured yet.\n", encoding="utf-8"
    )
    (tmp_path / "cells.csv").write_text("kind,n\n", encoding="utf-8")
    (tmp_path / "plot.svg").write_text(SVG, encoding="utf-8")
    return tmp_path


def test_links_lead_to_pages_files_and_the_documentation(folder: Path):
    body = chapter(folder, "index", documentation="/docs").body
    for address in (
        "/study/files/cells.csv", "/study/questions#fewer-steps", "/docs/train/methods/#mulan", "https://arxiv.org/abs/1",
    ):  # fmt: skip
        assert f'<a href="{address}">' in body
    assert "missing.md" not in body
    assert "/docs/" not in chapter(folder, "index", documentation="").body


def test_a_report_runs_nothing_and_loads_nothing_from_other_hosts(folder: Path):
    body = chapter(folder, "index", documentation="/docs").body
    assert "<script>" not in body
    assert 'href="javascript' not in body
    assert "[an image from elsewhere]" in body
    assert "example.org" not in body


def test_headings_are_listed_and_have_the_ids_of_the_documentation(folder: Path):
    found = chapter(folder, "index", documentation="")
    assert [(each.id, each.text, each.level) for each in found.contents] == [
        ("quality", "Quality", 2), ("quality_1", "Quality", 2),
    ]  # fmt: skip
    assert '<h2 id="quality_1">' in found.body
    assert found.title == "The study, measured"


def test_tables_scroll_in_labelled_boxes_with_headings_of_rows_and_columns(folder: Path):
    body = chapter(folder, "index", documentation="").body
    assert body.count('<div class="scroll" tabindex="0" role="region" aria-label="Table: Quality">') == 2
    assert '<th scope="row" dir="auto"><strong>ours</strong>: memory</th>' in body
    assert '<td class="value" dir="auto">.63 [.57–.68]</td>' in body


def test_languages_in_the_head_of_a_table_have_their_names_and_words_stay_words(folder: Path):
    body = chapter(folder, "index", documentation="").body
    assert 'Arabic <small><bdi lang="ar" dir="rtl">العربية</bdi></small>' in body
    assert '<th scope="col" dir="auto">low</th>' in body


def test_images_have_long_lived_addresses_and_sizes(folder: Path):
    body = chapter(folder, "index", documentation="").body
    assert re.search(
        r'<img src="/study/files/plot\.[0-9a-f]{12}\.svg" alt="R@1 &#34;by&#34; language" loading="lazy" width="960" height="442">',
        body,
    )
    sheet = next((ROOT / "cards" / "adapters" / "memory-yo" / "images").glob("*.webp"))
    assert image_size(sheet) == (64, 64)
    assert image_size(folder / "cells.csv") is None


def test_a_changed_report_is_rendered_again(folder: Path):
    assert "Not measured yet" in chapter(folder, "questions", documentation="").body
    (folder / "questions.md").write_text("# Open questions\n\nAll measured.\n", encoding="utf-8")
    assert "All measured" in chapter(folder, "questions", documentation="").body


def test_each_page_of_the_report_is_served_and_its_links_work(client: TestClient):
    report = find_report()
    assert report is not None
    pages = [f"/study/{name}".removesuffix("/index") for name in chapters(report)]
    for page in pages:
        response = client.get(page)
        assert response.status_code == 200
        assert len(response.content) < 500_000
        text = response.text
        assert text.count("<h1") == 1
        assert (
            text.count('class="scroll"')
            == text.count('class="scroll" tabindex="0" role="region" aria-label=')
            == text.count("<table>")
        )
        for address in {*re.findall(r'(?:href|src)="(/study[^"#]*)', text)}:
            assert client.get(address).status_code == 200, address
        for path, anchor in {*re.findall(r'href="(/study[^"#]*)?#([^"]+)"', text)} - {("", "content")}:
            assert f'id="{anchor}"' in (client.get(path).text if path else text), (path, anchor)
    assert '<a href="/study"' in client.get("/").text


def test_the_report_is_marked_as_english_on_pages_in_other_languages(client: TestClient):
    assert '<article class="prose study-text">' in client.get("/study").text
    page = client.get("/study", headers={"Accept-Language": "ar"}).text
    assert '<article class="prose study-text" lang="en" dir="ltr">' in page
    assert re.search(r'<h1 class="study-title"><bdi lang="en" dir="ltr">', page)
    assert 'aria-label="صفحات الدراسة"' in page


def test_images_are_kept_for_a_year_and_may_style_themselves_only(client: TestClient):
    address = re.findall(r'src="(/study/files/[^"]+)"', client.get("/study").text)[0]
    headers = client.get(address).headers
    assert "immutable" in headers["cache-control"]
    assert headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@pytest.mark.parametrize("path", ["/study/nothing", "/study/..%2Findex", "/study/index.md", "/study/files/nothing.svg"])
def test_an_unknown_page_is_not_found(client: TestClient, path: str):
    assert client.get(path).status_code == 404


def test_an_installation_reads_the_copy_beside_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    installed = tmp_path / "installed"
    shutil.copytree(ROOT / "docs" / "study", installed)
    monkeypatch.setattr("server.pages.study.chapters._CHECKOUT", tmp_path / "nothing")
    monkeypatch.setattr("server.pages.study.chapters._INSTALLED", tmp_path / "nothing either")
    assert find_report() is None
    monkeypatch.setattr("server.pages.study.chapters._INSTALLED", installed)
    assert find_report() == installed
