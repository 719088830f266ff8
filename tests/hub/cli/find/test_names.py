"""`hub show` and `hub search` with the names of bases that people write, and with names such as `mulan-fr`, on the curated cards."""

from __future__ import annotations

import json

import pytest

from hub.cli import main
from hub.local import LocalHub
from tests.builders.serving import serving

ZERO_SHOT = "zero-shot: trained on English, no French score yet"


@pytest.fixture(params=["here", "from a server"])
def hub(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]):
    """Run a command on the curated cards: here, or through a server."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        if request.param == "here":
            code = main(arguments)
        else:
            with LocalHub.open() as opened, serving(opened) as address:
                code = main([*arguments, "--endpoint", address])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_name_that_no_artifact_has_is_shown_with_its_modules(hub):
    code, out, _ = hub("show", "mulan-fr")
    assert code == 0
    assert "French through modules of other names" in out
    assert f"mulan-sd15-aesthetic ({ZERO_SHOT})" in out
    assert 'adapter="mulan-fr"' in out
    found = json.loads(hub("show", "mulan-fr", "--json")[1])
    assert [each["base"] for each in found["stand_ins"]] == ["emoji-sd", "pixart-alpha", "sd15", "sd21", "sdxl"]


def test_a_module_is_shown_with_its_stand_ins_on_other_bases(hub):
    out = hub("show", "mulan-yo")[1]
    assert "mulan-sdxl-aesthetic (zero-shot: trained on English, no Yoruba score yet)" in out


def test_a_zero_shot_module_is_offered_only_where_none_was_trained_on_the_language(hub):
    out = hub("show", "mulan-yo-dit")[1]
    (line,) = (each for each in out.splitlines() if each.startswith("emoji-sd "))
    assert "mulan-yo (trained on Yoruba; r_precision_at_1 0.844 in Yoruba, self-reported)" in line
    assert "mulan-sdxl-aesthetic (zero-shot" in out


@pytest.mark.parametrize("name", ["sd 1.5", "SD15", "runwayml/stable-diffusion-v1-5"])
def test_a_base_is_shown_by_any_of_its_names(hub, name):
    code, out, _ = hub("show", name)
    assert (code, out.splitlines()[0]) == (0, "sd15")
    assert "runwayml/stable-diffusion-v1-5" in out


def test_a_search_takes_any_name_of_a_base_and_marks_zero_shot_modules(hub):
    code, out, _ = hub("search", "--base", "Stable Diffusion XL", "--lang", "fr")
    assert code == 0
    (line,) = (each for each in out.splitlines() if each.startswith("mulan-sdxl-aesthetic"))
    assert ", zero-shot" in line
    code, out, _ = hub("search", "mulan-fr", "--base", "sdxl")
    assert (code, f"mulan-sdxl-aesthetic ({ZERO_SHOT})" in out) == (0, True)


def test_unknown_names_are_one_line_with_similar_ones(hub):
    for arguments, near in ((("show", "mulan-xx"), "mulan-yo"), (("search", "--base", "sdxxl"), "sdxl")):
        code, _, complaint = hub(*arguments)
        (line,) = (each for each in complaint.splitlines() if each.startswith("hub: "))
        assert code == 2
        assert near in line
