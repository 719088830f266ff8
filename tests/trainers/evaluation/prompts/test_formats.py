"""Published prompts are read as they were published, and missing or duplicate data are reported in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.errors import DamagedFile, HubError, InvalidRequest
from tests.builders.training import published_benchmarks as published
from trainers.evaluation import get_benchmark
from trainers.evaluation.prompts.prompt_set import PromptSet


def opened(name: str, folder: Path, split: str = "") -> PromptSet:
    benchmark = get_benchmark(name)
    return benchmark.open(folder, split or benchmark.splits[0])


def test_mg_18_has_captions_with_their_english_meaning_and_image(tmp_path: Path) -> None:
    data = opened("mg-18", published.mg18(tmp_path))
    assert data.languages == ("de", "en", "yo")
    first = data.prompts("yo")[0]
    assert (first.text, first.meaning, first.concept, first.image) == ("ọ̀kan dog", "a dog", "dog", "dog.jpg")
    assert data.prompts("en")[0].text == data.prompts("en")[0].meaning == "a dog"
    assert data.references(data.prompts("yo"))[0].name == "dog.jpg"


def test_mg_18_without_images_has_prompts_and_no_references(tmp_path: Path) -> None:
    assert not opened("mg-18", published.mg18(tmp_path, with_images=False)).has_references


def test_mg_18_takes_the_english_meaning_from_the_english_file_if_a_row_has_none(tmp_path: Path) -> None:
    path = published.mg18(tmp_path) / "json_files/crossmodal_de.json"
    rows = [{"image": row["image"], "target_caption": row["target_caption"]} for row in json.loads(path.read_text())]
    path.write_text(json.dumps(rows))
    assert opened("mg-18", tmp_path).prompts("de")[0].meaning == "a dog"


def test_a_further_caption_of_the_same_image_is_left_out_and_counted(tmp_path: Path) -> None:
    path = published.mg18(tmp_path) / "json_files/crossmodal_de.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([*rows, {**rows[0], "target_caption": "noch einer"}]))
    data = opened("mg-18", tmp_path)
    assert len(data.prompts("de")) == 8
    assert data.prompts("de")[0].text == "ein dog"
    assert data.notes["de"].startswith("1 further captions")


def test_mc_18_has_prompts_of_each_language_with_translations(tmp_path: Path) -> None:
    data = opened("mc-18", published.mc18(tmp_path))
    assert data.languages == ("de", "zh")
    assert [(prompt.concept, prompt.meaning) for prompt in data.prompts("zh")][:2] == [
        ("zh-1", "a dog"),
        ("zh-2", "a cat"),
    ]


def test_m_geneval_prompts_correspond_by_line(tmp_path: Path) -> None:
    data = opened("m-geneval-prompts", published.m_geneval(tmp_path))
    assert (data.prompts("zh")[1].text, data.prompts("zh")[1].meaning) == ("一个cat", "a cat")
    assert data.prompts("zh")[1].concept == data.prompts("en")[1].concept


def test_coco_crola_puts_concepts_into_the_sentence_of_their_language(tmp_path: Path) -> None:
    data = opened("coco-crola", published.coco_crola(tmp_path))
    assert [prompt.text for prompt in data.prompts("de")] == ["ein Foto von auge", "ein Foto von mama"]
    assert data.prompts("zh")[1].meaning == "a photograph of mom, dear"
    assert data.languages == ("de", "en", "zh")


@pytest.mark.parametrize("parquet", [True, False], ids=["parquet", "the older JSON"])
def test_lingt2i_has_content_and_text_to_be_written(tmp_path: Path, parquet: bool) -> None:
    published.lingt2i(tmp_path, parquet=parquet)
    content = opened("lingt2i", tmp_path)
    assert (content.prompts("de")[2].text, content.prompts("de")[2].meaning) == ("ein fish", "a fish")
    assert content.prompts("de")[2].concept == content.prompts("en")[2].concept == "IQ-R_2"
    rendering = opened("lingt2i", tmp_path, "text_rendering").prompts("de")[0]
    assert (rendering.text, rendering.meaning, rendering.written) == (
        "a sign with Geöffnet",
        "a sign with Open",
        "Geöffnet",
    )


def test_the_digest_only_depends_on_the_data_that_is_read(tmp_path: Path) -> None:
    one, other = published.mg18(tmp_path / "one"), published.mg18(tmp_path / "other", ("en", "yo"))
    (other / "unrelated.txt").write_text("x")
    digest = opened("mg-18", one).digest("yo")
    assert opened("mg-18", other).digest("yo") == digest != opened("mg-18", one).digest("en")
    (other / "images/dog.jpg").write_bytes((one / "images/cat.jpg").read_bytes())
    assert opened("mg-18", other).digest("yo") != digest


def test_languages_share_the_concepts_of_a_sample(tmp_path: Path) -> None:
    data = opened("mg-18", published.mg18(tmp_path))
    chosen = [[prompt.concept for prompt in data.sample(tag, 3, seed=1)] for tag in data.languages]
    assert chosen[0] == chosen[1] == chosen[2]
    assert len(chosen[0]) == 3
    assert [prompt.concept for prompt in data.sample("yo", 3, seed=2)] != chosen[0]


def read_all(name: str, folder: Path) -> None:
    data = opened(name, folder)
    for language in data.languages:
        data.digest(language)


def rewritten(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = next(folder.rglob(name))
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def renamed(pattern: str, name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = next(folder.rglob(pattern))
        path.rename(path.with_name(name))

    return change


def removed(pattern: str) -> Callable[[Path], None]:
    return lambda folder: next(folder.rglob(pattern)).unlink()


@pytest.mark.parametrize(
    ("name", "write", "damage", "error", "message"),
    [
        ("mg-18", published.mg18, removed("cat.jpg"), InvalidRequest, "1 of 8 images of `mg-18` are missing, such as `cat.jpg`"),
        ("mg-18", published.mg18, rewritten("crossmodal_de.json", "ein fish", " "), InvalidRequest, "object 2 of `crossmodal_de.json` has no caption"),
        ("mg-18", published.mg18, rewritten("crossmodal_de.json", "[{", "[{,"), DamagedFile, "`crossmodal_de.json` cannot be read"),
        ("mg-18", published.mg18, rewritten("crossmodal_de.json", "[{", '{"rows": [{'), DamagedFile, "`crossmodal_de.json` cannot be read"),
        ("mg-18", lambda folder: folder, lambda folder: None, InvalidRequest, "it expects crossmodal_LANGUAGE.json"),
        ("mc-18", published.mc18, removed("translated_prompts/prompt_zh.txt"), InvalidRequest, "there is no file `translated_prompts/prompt_zh.txt`"),
        ("mc-18", published.mc18, rewritten("translated_prompts/prompt_zh.txt", "a cat\n", ""), InvalidRequest, "`prompts/prompt_zh.txt` has 3 lines and `translated_prompts/prompt_zh.txt` 2"),
        ("m-geneval-prompts", published.m_geneval, removed("*_english.jsonl"), InvalidRequest, "has no evaluation_metadata_english.jsonl"),
        ("m-geneval-prompts", published.m_geneval, rewritten("*_chinese.jsonl", "{", "["), DamagedFile, "line 1"),
        ("m-geneval-prompts", published.m_geneval, renamed("*_chinese.jsonl", "evaluation_metadata_vulcan.jsonl"), InvalidRequest, "for an unknown language, `vulcan`"),
        ("coco-crola", published.coco_crola, rewritten("concepts.csv", ",眼睛", ""), DamagedFile, "line 2 does not have the columns"),
        ("coco-crola", published.coco_crola, rewritten("concepts.csv", "auge", ""), InvalidRequest, "line 2, column de, of `concepts.csv` has no caption"),
        ("coco-crola", published.coco_crola, rewritten("prompts.json", "$$$", ""), InvalidRequest, "no sentence with `$$$` for `en`"),
        ("coco-crola", published.coco_crola, rewritten("concepts.csv", "zh", "xx"), InvalidRequest, "no sentence with `$$$` for `xx`"),
        ("lingt2i", lambda folder: published.lingt2i(folder, parquet=False), rewritten("text-to*.json", "IQ-R_en_1", "IQ-R_en_9"), InvalidRequest, "1 prompts in `de` of `lingt2i`/content_generation have no English version, such as `IQ-R_1`"),
        ("lingt2i", lambda folder: published.lingt2i(folder, parquet=False), rewritten("text-to*.json", "IQ-R_de_1", "IQ-R_de_2"), InvalidRequest, "two rows in `de` for `IQ-R_de_2`"),
    ],
)  # fmt: skip
def test_missing_and_duplicate_data_are_reported_in_one_line(
    name: str,
    write: Callable[[Path], Path],
    damage: Callable[[Path], None],
    error: type[HubError],
    message: str,
    tmp_path: Path,
) -> None:
    damage(write(tmp_path))
    with pytest.raises(error) as caught:
        read_all(name, tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ["[" * 100_000, '[{"image": "a.jpg"', '[{"image": "\ud800"}'.encode("utf-8", "surrogatepass").decode("latin1")],
)
def test_json_that_cannot_be_read_is_reported_in_one_line(tmp_path: Path, content: str) -> None:
    (published.mg18(tmp_path) / "json_files/crossmodal_de.json").write_text(content, encoding="utf-8")
    with pytest.raises(DamagedFile, match="`crossmodal_de.json` cannot be read") as caught:
        opened("mg-18", tmp_path)
    assert "\n" not in str(caught.value)
