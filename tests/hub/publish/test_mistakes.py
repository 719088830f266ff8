"""Mistakes of a folder have the file and the line, and are all found at once, before anything is uploaded."""

from __future__ import annotations

import io
import json
import pickle
import time

import numpy as np
import pytest
from safetensors.numpy import save

from hub.cards.policy import ANY, SAFETENSORS_ONLY, SCAN
from hub.errors import InvalidCard, UnknownArtifact
from hub.names import ArtifactName
from hub.publish.checks.check_folder import check_folder
from hub.publish.checks.limits import MAX_CARD
from hub.publish.checks.listed_files import ListedFile, file_mistakes
from hub.publish.checks.mistakes import card_mistakes, lines_of, lines_of_card

NAME = ArtifactName("ada", "first-yo")
CARD = """---
language:
- yo
- yoruba-x
license: nonsense
base_model:
- emoji-sd
- emoji-sdx
linguahub:
  kind: adaptor
  colour: blue
model-index:
- name: a
  results:
  - task: {type: text-to-image}
    dataset: {type: emoji, name: emoji}
    metrics:
    - type: m
      value: 0.5
      args: {source: me}
    - type: m
      value: high
      args: {source: me}
---
"""
WEIGHTS = save({"weight": np.zeros(4, dtype=np.float32)})


def find(base):
    if base != "emoji-sd":
        raise UnknownArtifact(base, ["emoji-sd"])


def lines(folder, **options):
    return [(each.file, each.line) for each in card_mistakes(folder, NAME, find, is_plain=False, **options)]


def listed(path, content, start=None):
    return ListedFile(path, len(content), content if start is None else start)


def texts(files, policy=SCAN, before=()):
    return {each.file: each.text for each in file_mistakes(files, policy, before)}


def test_each_mistake_of_a_card_has_its_line(tmp_path):
    (tmp_path / "README.md").write_text(CARD)
    found = card_mistakes(tmp_path, NAME, find, is_plain=False)
    assert {(each.line, each.text.partition(":")[0]) for each in found} == {
        (4, "language 'yoruba-x' is unknown (similar"),
        (5, "license 'nonsense' is neither an SPDX expression nor a Hugging Face licence id"),
        (9, "`linguahub.summary` is missing"),
        (10, "unknown kind 'adaptor'; choose one of adapter, projector, encoder, delta, base, dataset"),
        (11, "`linguahub.colour` is unknown"),
        (
            8,
            "the base `emoji-sdx` does not exist on this hub. Did you mean `emoji-sd`? List bases with `hub bases`, or name the repository, `owner/name`.",
        ),
        (21, "score m on emoji"),
    }


def test_a_base_that_does_not_exist_has_the_line_of_its_name(tmp_path):
    good = "---\nlanguage: yo\nlicense: mit\nbase_model:\n- emoji-sd\n- emoji-sdx\nlinguahub: {kind: adapter, summary: s}\n---\n"
    (tmp_path / "README.md").write_text(good)
    [mistake] = card_mistakes(tmp_path, NAME, find, is_plain=False)
    assert mistake.line == 6
    assert "the base `emoji-sdx` does not exist on this hub. Did you mean `emoji-sd`?" in mistake.text


@pytest.mark.parametrize(
    ("text", "line"),
    [("no front matter", 1), ("---\nlanguage: yo\n", 1), ("---\na: b\nc: [\n---\n", 4), ("---\na: !x b\n---\n", 2)],
)
def test_front_matter_that_cannot_be_read_has_the_line_where_it_breaks(tmp_path, text, line):
    (tmp_path / "README.md").write_text(text)
    assert lines(tmp_path) == [("README.md", line)]


def test_the_configuration_of_a_variant_is_checked_with_its_lines(tmp_path):
    (tmp_path / "README.md").write_text(
        "---\nlanguage: yo\nlicense: mit\nlinguahub: {kind: adapter, summary: s}\n---\n"
    )
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    config = {"format": 1, "method": "mulan", "base": {"name": "b"}, "conditioning": {"width": "wide"}}
    (tmp_path / "one" / "config.json").write_text(json.dumps(config, indent=2))
    (tmp_path / "two" / "config.json").write_text('{\n "format": 1,\n "method"}')
    assert lines(tmp_path) == [("one/config.json", 1), ("one/config.json", 8), ("two/config.json", 3)]


def test_the_page_and_hub_push_find_the_same(tmp_path):
    (tmp_path / "README.md").write_text(CARD)
    with pytest.raises(InvalidCard) as refused:
        check_folder(tmp_path, NAME, find)
    for mistake in card_mistakes(tmp_path, NAME, find, is_plain=False):
        assert mistake.text in str(refused.value)


def test_a_plain_repository_may_keep_the_card_of_another_library(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: mit\nlibrary_name: diffusers\n---\nWords")
    assert card_mistakes(tmp_path, NAME, find, is_plain=True) == []
    assert lines(tmp_path) != []


def test_places_of_aliases_that_would_expand_to_billions_are_found_once():
    bomb = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))])
    assert len(lines_of(bomb)) < 200


def test_lines_are_those_of_the_file():
    assert lines_of_card("---\na: 1\nb:\n- x\n---\nc: 3\n") == {("a",): 2, ("b",): 3, ("b", 0): 4}


@pytest.mark.parametrize(
    "path",
    [
        "../up",
        "a/../../b",
        "/root",
        "a\0b",
        "a\nb",
        "x" * 300,
        "gpj.\u202egnp",
        "NUL.txt",
        ".git/config",
        "a\\b",
        "a//b",
        "",
    ],
)
def test_a_file_name_that_no_repository_can_have_is_refused_by_name(path):
    [mistake] = file_mistakes([listed(path, b"text"), listed("fine.txt", b"text")], SCAN)
    assert mistake.file == path


def test_names_that_collide_with_each_other_or_with_the_repository_are_found():
    files = [listed("A.txt", b""), listed("a.txt", b""), listed("b.TXT", b""), listed("c", b""), listed("c/d", b"")]
    assert set(texts(files, before=["b.txt", "A.txt"])) == {"a.txt", "b.txt", "c"}


def test_each_policy_refuses_what_it_refuses_on_the_command_line():
    program = b"\x7fELF" + bytes(600)
    files = [listed("m.bin", pickle.dumps({"a": 1})), listed("run", program), listed("notes.txt", pickle.dumps([1]))]
    assert set(texts(files, SAFETENSORS_ONLY)) == {"m.bin", "run", "notes.txt"}
    assert texts(files, SCAN)["notes.txt"].endswith("under the name of a plain file: rename it.")
    assert set(texts(files, SCAN)) == {"run", "notes.txt"}
    assert set(texts(files, ANY)) == {"notes.txt"}


def test_weights_are_checked_by_their_header_and_size():
    header = WEIGHTS[: len(WEIGHTS) - 16]
    assert texts([listed("m.safetensors", WEIGHTS, header)]) == {}
    short = ListedFile("m.safetensors", len(WEIGHTS) - 1, header)
    assert "its tensors need 16 bytes and it holds 15" in texts([short])["m.safetensors"]
    assert "not a valid safetensors file" in texts([listed("m.safetensors", b"weights")])["m.safetensors"]


def test_a_header_that_was_not_sent_whole_is_left_to_the_commit():
    assert texts([listed("m.safetensors", WEIGHTS, WEIGHTS[:20])]) == {}
    lie = (1 << 62).to_bytes(8, "little") + b"{" + bytes(99)
    assert "its header would have" in texts([listed("m.safetensors", lie)])["m.safetensors"]


def test_impossible_sizes_are_refused():
    assert "split it" in texts([ListedFile("m.safetensors", 10**15, WEIGHTS[:20])])["m.safetensors"]
    assert "shorten it" in texts([ListedFile("README.md", MAX_CARD + 1, b"---")])["README.md"]


def test_a_folder_of_pickles_lists_a_bounded_number():
    found = file_mistakes([listed(f"{n}.pkl", b"") for n in range(1000)], SAFETENSORS_ONLY)
    assert len(found) == 201
    assert found[-1].text == "800 more files have mistakes."


def test_hostile_starts_never_raise():
    for start in (b"", b"\x80", b"PK", b"\0" * 8 + b"{", b"\xff" * 512, io.BytesIO(WEIGHTS).read(9)):
        for size in (0, 5, 10**6):
            file_mistakes([ListedFile("a.safetensors", size, start), ListedFile("b", size, start)], SCAN)


def test_thousands_of_unknown_names_are_refused_in_seconds(tmp_path):
    names = ", ".join(f"xyzzy{number}q" for number in range(5000))
    began = time.process_time()
    for front_matter in (f"language: [{names}]", f"base_model: [{names}]", f"license: [{names}]"):
        (tmp_path / "README.md").write_text(f"---\n{front_matter}\nlinguahub: {{kind: adapter, summary: s}}\n---\n")
        found = card_mistakes(tmp_path, NAME, find, is_plain=False)
        assert len(found) < 30
    (tmp_path / "README.md").write_text(f"---\nlanguage: [{names}]\n---\n")
    assert card_mistakes(tmp_path, NAME, find, is_plain=True) == []
    assert time.process_time() - began < 8, "it takes one second; the square of the names would take minutes"
