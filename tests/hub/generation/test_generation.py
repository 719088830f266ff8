"""The process that generates images for another process, on tiny models."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from hub.generation.__main__ import Cancelled, Worker
from hub.generation.pipelines import Pipelines
from hub.generation.requests import GenerationRequest, Pinned
from hub.local import LocalHub
from tests.builders.models.tiny import push


def pinned(hub: LocalHub, name: str) -> Pinned:
    found = hub.registry.get(name)
    return Pinned(name=str(found.name), revision=found.revision)


def a_request(hub: LocalHub, *columns: Pinned | None, prompt: str = "aja") -> GenerationRequest:
    return GenerationRequest(
        prompt=prompt, language="yo", base=pinned(hub, "tiny-sd"), columns=columns, seed=5, steps=3, guidance=2.0
    )


def ignore(column: int, steps: int, step: int) -> None:
    pass


def test_each_column_is_generated_from_the_same_request_and_records_its_settings(local_hub: LocalHub):
    module = pinned(local_hub, "mulan-yo")
    steps: list[tuple[int, int, int]] = []
    request = a_request(local_hub, None, module)
    alone, drawn = Pipelines(local_hub).generate(request, lambda *each: steps.append(each))
    assert steps == [(column, 3, step) for column in (0, 1) for step in (1, 2, 3)]
    assert alone.png is not None and drawn.png is not None and alone.png != drawn.png
    text = Image.open(io.BytesIO(drawn.png)).text  # type: ignore[attr-defined]
    assert (text["prompt"], text["language"], text["seed"], text["guidance"]) == ("aja", "yo", "5", "2")
    assert (text["adapter"], text["adapter revision"]) == (module.name, module.revision)
    assert text["base revision"] == request.base.revision
    assert (
        "adapter" not in Image.open(io.BytesIO(alone.png)).text or not Image.open(io.BytesIO(alone.png)).text["adapter"]
    )  # type: ignore[attr-defined]


def test_a_cancelled_request_does_not_change_the_next_images(local_hub: LocalHub):
    pipelines, request = Pipelines(local_hub), a_request(local_hub, None, pinned(local_hub, "mulan-yo"))
    before = [each.png for each in pipelines.generate(request, ignore)]

    def stop(column: int, steps: int, step: int) -> None:
        if (column, step) == (1, 2):
            raise Cancelled

    with pytest.raises(Cancelled):
        list(pipelines.generate(replace(request, prompt="eye"), stop))
    assert [each.png for each in pipelines.generate(request, ignore)] == before


def test_modules_of_the_same_name_and_other_revisions_replace_each_other(
    local_hub: LocalHub, make_module: Callable[..., Path], tmp_path: Path
):
    first = pinned(local_hub, "mulan-yo")
    push(local_hub, "mulan-yo", make_module("mulan-yo", seed=8), tmp_path, kind="adapter", language="yo")
    second = pinned(local_hub, "mulan-yo")
    assert first != second
    pipelines = Pipelines(local_hub)
    old, new, again = (each.png for each in pipelines.generate(a_request(local_hub, first, second, first), ignore))
    assert old == again != new


def test_a_module_that_cannot_be_used_leaves_the_others(local_hub: LocalHub):
    yoruba, gone = pinned(local_hub, "mulan-yo"), Pinned(name="linguahub/gone", revision="0" * 64)
    request = a_request(local_hub, gone, yoruba)
    failed, drawn = Pipelines(local_hub).generate(request, ignore)
    assert failed.png is None and "no artifact is called `linguahub/gone`" in failed.text
    assert drawn.png is not None
    [unread] = Pipelines(local_hub).generate(replace(request, language="ar", columns=(yoruba,)), ignore)
    assert (unread.png, unread.text) == (None, "does not read Arabic")


def test_without_settings_the_pipeline_decides(local_hub: LocalHub):
    request = replace(a_request(local_hub, None), steps=None, guidance=None)
    [drawn] = Pipelines(local_hub).generate(request, ignore)
    assert drawn.png is not None
    text = Image.open(io.BytesIO(drawn.png)).text  # type: ignore[attr-defined]
    assert (text["steps"], text["guidance"]) == ("25", "7.5")


def test_a_request_survives_json():
    request = GenerationRequest(
        prompt="ọkàn", language="yo", base=Pinned(name="a/b", revision="1"), seed=1,
        columns=(None, Pinned(name="c/d", revision="2")),
    )  # fmt: skip
    assert GenerationRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


def test_messages_are_lines_of_json_and_one_failed_job_does_not_stop_the_next(local_hub: LocalHub, work_folder: Path):
    request = a_request(local_hub, None, pinned(local_hub, "mulan-yo")).to_json()
    messages = [
        {"prepare": {"name": "linguahub/no-such", "revision": ""}},
        {"job": "1", "request": request},
        {"job": "2", "request": {**request, "base": {"name": "linguahub/no-such", "revision": ""}}},
        {"cancel": "3"},
        {"job": "3", "request": request},
        {"job": "4", "request": {**request, "prompt": "eye"}},
    ]
    source, target = io.StringIO("".join(json.dumps(each) + "\n" for each in messages)), io.StringIO()
    Worker(source, target, at_end=lambda: None).run()
    events = [json.loads(line) for line in target.getvalue().splitlines()]
    assert events[0]["event"] == "ready"
    ended = [(each["job"], each["event"]) for each in events if each["event"] in {"done", "failed", "cancelled"}]
    assert ended == [("1", "done"), ("2", "failed"), ("3", "cancelled"), ("4", "done")]
    assert [each["column"] for each in events if each["event"] == "image" and each["job"] == "1"] == [0, 1]
    [failed] = [each for each in events if each["event"] == "failed"]
    assert "in its log" in failed["message"]
    assert "no-such" in failed["log"]
