"""Whatever a commit accepts is shown: no card, header or name makes a page, the API or git fail later."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

pytestmark = pytest.mark.slow
ODD = [
    "\ud800",
    "\u202e",
    "\x7f",
    "\x85",
    "\ufeff",
    "\u2028",
    "🚢",
    "ọkọ̀",
    "سفينة",
    "<script>",
    "%00",
    "${x}",
    "{{x}}",
    "' OR 1=1",
]
TEXT = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(codec=None), max_size=8),
    st.sampled_from(
        [*ODD, "x" * 3000, "語" * 900, "a-" * 3000, "no", "1e999", "0x_", "2024-13-45", "-", "~", "<<", "!!float x"]
    ),
    st.lists(st.sampled_from(ODD), max_size=3).map("".join),
)
NUMBER = st.one_of(st.integers(), st.floats(), st.sampled_from([10**18, -(10**17), 1 << 63, 1e308, float("nan")]))
SCALAR = st.one_of(st.none(), st.booleans(), NUMBER, TEXT)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
LICENSE = st.sampled_from(["mit", "apache-2.0", "MIT OR Apache-2.0", ["mit", "other"], "other"]) | VALUE
LANGUAGE = st.sampled_from(["yo", "en", ["yo", "ar"], ["zh-Hans", "pt-BR"], "mul"]) | VALUE
RESULT = {
    "task": {"type": "text-to-image"},
    "dataset": {"name": "emoji", "type": "emoji", "split": "seen", "config": "yo", "revision": "a"},
    "metrics": [
        {"type": "r_precision_at_1", "value": 0.5, "name": "R@1", "config": "yo", "args": {"low": 0.4, "high": 0.6}}
    ],
    "source": {"name": "x", "url": "https://example.org"},
}
OURS = {
    "kind": "adapter", "summary": "a test", "method": "mulan", "encoder": "multilingual-e5-small", "gated": False,
    "parameters": {"module": 4}, "upstream": [{"repository": "a/b", "file": "model.bin", "size_bytes": 3}],
}  # fmt: skip
VALID = {
    "license": "mit", "language": ["yo", "ar"], "tags": ["a"], "base_model": ["emoji-sd"],
    "model-index": [{"name": "x", "results": [RESULT]}],
}  # fmt: skip
OF_HUGGING_FACE = (
    "pipeline_tag", "library_name", "datasets", "metrics", "widget", "thumbnail", "pretty_name", "task_categories", "configs",
    "size_categories", "dataset_info", "paperswithcode_id", "co2_eq_emissions", "license_name", "license_link", "inference",
    "extra_gated_prompt", "extra_gated_fields", "base_model_relation", "model_name", "train-eval-index", "annotations_creators",
)  # fmt: skip


def odd(valid: dict[str, object], extra: tuple[str, ...] = (), most: int = 2) -> st.SearchStrategy[dict[str, object]]:
    """Return a valid mapping in which a few values are anything."""
    changes = st.dictionaries(st.sampled_from([*valid, *extra]), VALUE, max_size=most)
    return changes.map(lambda each: {**valid, **each})


SCORE = odd(RESULT, most=1) | st.builds(
    lambda metric: {**RESULT, "metrics": [metric]},
    odd(RESULT["metrics"][0], ("verified", "verifyToken", "sample_size", "unit")),
)
MODEL_INDEX = st.lists(SCORE, max_size=2).map(lambda results: [{"name": "x", "results": results}])
CARD = st.one_of(
    odd(VALID, (*OF_HUGGING_FACE, "linguahub")),
    st.builds(
        lambda card, ours: {**card, "linguahub": ours}, odd(VALID, most=1), odd(OURS, ("conditioning", "owner"), most=1)
    ),
    st.builds(lambda scores, ours: {**VALID, "model-index": scores, "linguahub": ours}, MODEL_INDEX, st.just(OURS)),
    st.fixed_dictionaries({"license": LICENSE, "language": LANGUAGE}),
)
PROSE = st.lists(
    TEXT
    | st.sampled_from(
        ["# a\n", "[x](", "![y](z)", "```", "| a |\n|---|\n", "> " * 50, "- " * 50, "\n\n    hub train x\n"]
    ),
    max_size=5,
).map("".join)
NAME = st.one_of(
    TEXT, st.text(string.ascii_letters + " .#&;+=@[]{}~!$'(),^`%-", min_size=1, max_size=12),
    st.sampled_from(["a b.txt", "100%.md", "a#b?c", "&amp;.txt", "..a", "-", "x/y/z.json", "emoji-sd/config.json", ".gitattributes"]),
)  # fmt: skip
CONFIG = st.one_of(
    VALUE,
    st.dictionaries(
        st.sampled_from(["kind", "method", "base", "encoder", "conditioning", "run", "parent", "architectures", "model_type",
                         "quantization_config", "auto_map", "_class_name", "base_model_name_or_path", "peft_type"]),
        VALUE, max_size=5,
    ),
)  # fmt: skip


def a_card(front_matter: dict[str, object], prose: str, *, is_escaped: bool = False, errors: str = "replace") -> bytes:
    """Return a README.md. JSON is YAML; without escapes, half a surrogate pair in it may become invalid UTF-8."""
    return f"---\n{json.dumps(front_matter, ensure_ascii=is_escaped)}\n---\n{prose}".encode("utf-8", errors)


def weights(tensors: dict[str, str], metadata: dict[str, str]) -> bytes:
    """Return scalars of four bytes with these names, and metadata."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    for number, name in enumerate(tensors):
        header[name] = {"dtype": "F32", "shape": [], "data_offsets": [4 * number, 4 * number + 4]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(4 * len(tensors))


FILES = st.fixed_dictionaries(
    {"README.md": st.builds(
            a_card, CARD, PROSE, is_escaped=st.booleans(), errors=st.sampled_from(["replace", "surrogatepass"])
        )},
    optional={
        path: CONFIG.map(lambda each: json.dumps(each).encode())
        for path in ("config.json", "model_index.json", "adapter_config.json", "emoji-sd/config.json")
    }
    | {
        "model.safetensors": st.builds(weights, st.dictionaries(TEXT, st.just(""), max_size=3), st.dictionaries(TEXT, TEXT, max_size=2)),
    },
)  # fmt: skip


@pytest.fixture(scope="session")
def show(client: TestClient, token_of: Callable[..., str]) -> Callable[..., None]:
    """Return a function that commits files, and reads everything that shows them if they are accepted."""
    headers = {"authorization": f"Bearer {token_of('ada')}"}
    for kind in ("model", "dataset"):
        client.post("/api/repos/create", json={"name": f"accepted-{kind}", "type": kind}, headers=headers)

    def show(kind: str, files: dict[str, bytes], message: str = "files") -> None:
        repo, api = f"ada/accepted-{kind}", f"/api/{kind}s/ada/accepted-{kind}"
        lines: list[dict[str, object]] = [{"key": "header", "value": {"summary": message}}]
        lines += [
            {"key": "file", "value": {"path": path, "content": base64.b64encode(content).decode()}}
            for path, content in files.items()
        ]
        done = client.post(f"{api}/commit/main", content="\n".join(map(json.dumps, lines)), headers=headers)
        if done.status_code != 200:
            assert done.status_code in {400, 413, 422}, done.text
            assert "\n" not in done.json()["error"]
            return
        prefix = "" if kind == "model" else "datasets/"
        for path in urls(f"/{prefix}{repo}", api, repo, files):
            accept = "text/html" if path.startswith(("/ada", "/datasets", "/?")) and "/resolve/" not in path else "*/*"
            response = client.get(path, headers={**headers, "accept": accept})
            assert response.status_code == 200, f"{path} {response.status_code} {response.text[:500]}"

    return show


def urls(page: str, api: str, repo: str, files: dict[str, bytes]) -> Iterator[str]:
    """Yield everything that shows the files of a repository."""
    yield from (page, f"{page}/tree/main", api, f"{api}?blobs=true&securityStatus=true")
    properties = ("cardData", "config", "safetensors", "tags", "siblings", "widgetData", "model-index", "library_name")
    if api.startswith("/api/models"):
        yield f"{api}?" + "&".join(f"expand[]={each}" for each in properties)
    yield f"{api}/tree/main?recursive=true&expand=true"
    yield f"{api}/commits/main"
    yield f"{api}/refs"
    yield f"{api.rpartition('/ada/')[0]}?author=ada&full=true&cardData=true&config=true"
    yield f"/api/v1/artifacts/{repo}"
    below = (
        "revisions",
        "revisions/main/tensors",
        "revisions/main/manifest",
        "diff?from=1",
        "scores",
        "aliases",
        "security",
    )
    yield from (f"/api/v1/artifacts/{repo}/{each}" for each in below)
    yield from ("/api/v1/search?owner=ada", "/api/v1/languages", "/api/v1/bases", "/?owner=ada")
    yield f"{page}.git/info/refs?service=git-upload-pack"
    for path in files:
        yield f"{page}/resolve/main/{quote(path, safe='/')}"


QUIETLY = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("kind", ["model", "dataset"])
@given(files=FILES)
@QUIETLY
def test_accepted_cards_configurations_and_headers_are_shown(show, kind, files):
    show(kind, files)


@given(name=NAME, content=st.binary(max_size=20), message=TEXT.filter(str.strip))
@QUIETLY
def test_accepted_names_and_messages_are_shown(show, name, content, message):
    show("model", {"README.md": a_card({"license": "mit"}, "prose"), name: content}, message)
