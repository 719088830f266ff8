"""Files with malicious content: invalid headers of weights, and code in cards and images."""

from __future__ import annotations

import base64
import json
import re
import time

import pytest
from starlette.testclient import TestClient

A = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DEEP = b"[" * 200_000


def in_file(header: object, tensor_bytes: int = 8, length: int | None = None) -> bytes:
    """Return a safetensors file with this header, as JSON or bytes, and `tensor_bytes` bytes of tensors."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(tensor_bytes)


@pytest.fixture(scope="module")
def send(client: TestClient, adas: dict[str, str], shared: str):
    def send(path: str, content: bytes):
        value = {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}
        lines = [{"key": "header", "value": {"summary": "x"}}, {"key": "file", "value": value}]
        body = b"\n".join(json.dumps(line).encode() for line in lines)
        return client.post(f"/api/models/{shared}/commit/main", content=body, headers=adas)

    return send


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08",
        in_file({"a": A}, length=1 << 62),
        in_file({"a": A}, length=10**6),
        in_file({"a": A}, tensor_bytes=7),
        in_file({"a": A}, tensor_bytes=9),
        in_file({"a": A, "b": A}),
        in_file({"a": A, "b": {**A, "data_offsets": [9, 17]}}, tensor_bytes=17),
        in_file(b'{"a": %s, "a": %s}' % ((json.dumps(A).encode(),) * 2)),
        in_file({"a": {**A, "shape": [-2]}}),
        in_file({"a": {**A, "shape": [2.0]}}),
        in_file({"a": {**A, "shape": [True, 2]}}),
        in_file({"a": {**A, "shape": 2}}),
        in_file({"a": {**A, "shape": [1 << 62, 1 << 62]}}),
        in_file(b'{"a": {"dtype": "F32", "shape": [%s], "data_offsets": [0, 8]}}' % b", ".join([b"9" * 4000] * 5000)),
        in_file({"a": {**A, "dtype": "F 32"}}),
        in_file({"a": {**A, "data_offsets": [8, 0]}}),
        in_file({"a": {**A, "data_offsets": [0]}}),
        in_file({"a": {"dtype": "F32"}}),
        in_file({"a": None}),
        in_file([A]),
        in_file({"__metadata__": {"a": 1}, "a": A}),
        in_file({"__metadata__": [], "a": A}),
        in_file(DEEP),
        in_file(b'{"a": ' * 100_000),
        in_file(b"\xff\xfe"),
        in_file(b"{}" + b" " * 100 + b"x"),
    ],
    ids=range(27),
)
def test_weights_with_an_invalid_header_are_refused_quickly(send, content):
    began = time.process_time()
    response = send("model.safetensors", content)
    assert response.status_code == 400, response.text
    assert len(response.json()["error"]) < 1000, "malicious content is not repeated in the error"
    assert time.process_time() - began < 5, "no header may keep the server busy; the worst once took minutes"


MARKDOWN = r"""---
license: mit
---

<script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)>
<iframe src="javascript:alert(1)"></iframe><style>body{display:none}</style>

[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html;base64,PHNjcmlwdD4=) [d](vbscript:x) [e]( javascript:alert(1))
[f](java&#x0A;script:alert(1)) [g](&#106;avascript:alert(1)) [h]: javascript:alert(1) [h] <javascript:alert(1)>

![a](javascript:alert(1)) ![b" onerror="alert(1)](x.png) ![c](x.png "t\" onload=\"alert(1)") ![d](//evil.example/x.png) ![e](data:image/svg+xml,x)
![f](http://169.254.169.254/latest) ![g](\\evil\x.png)

| a<script> | b |
|---|---|
| <b onclick=alert(1)> | `</code><script>` |

```"><script>alert(1)</script>
</code></pre><script>alert(1)</script>
```

"""
NESTED = ">" * 3000 + " deep\n" + "- " * 3000 + "x\n" + "[" * 5000 + "](" * 5000 + "*a **" * 4000


@pytest.mark.parametrize("prose", [MARKDOWN, MARKDOWN + NESTED], ids=["code", "code and depth"])
def test_a_card_cannot_add_code_or_external_images_to_its_page(send, client, shared, prose):
    assert send("README.md", prose.encode()).status_code == 200
    page = client.get(f"/{shared}", headers={"accept": "text/html"})
    assert page.status_code == 200
    tags = re.findall(r"<[a-zA-Z][^>]*>", page.text)
    own = [tag for tag in tags if re.match(r"<script[^>]*src=\"/static/", tag)]
    assert not [
        tag for tag in tags if re.match(r"<(script|iframe|object|embed|svg|style|meta http)", tag) and tag not in own
    ]
    assert not [tag for tag in tags if re.search(r"\son[a-z]+\s*=", re.sub(r'"[^"]*"', '""', tag))]
    links = re.findall(r'(?:href|src)="([^"]*)"', page.text)
    assert not [each for each in links if re.match(r"\s*(javascript|vbscript|data):", each, re.IGNORECASE)]
    images = re.findall(r'<img[^>]*src="([^"]*)"', page.text)
    assert all(each.startswith((f"/{shared}/resolve/", "/static/")) for each in images), images
    assert "script-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["image.svg", "page.html", "page.xhtml", "script.js", "style.css", "drawing.SVG"])
def test_files_that_a_browser_could_run_are_sent_as_downloads(send, client, shared, path):
    content = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
    assert send(path, content).status_code == 200
    response = client.get(f"/{shared}/resolve/main/{path}")
    assert response.content == content
    assert response.headers["content-type"] in {"application/octet-stream", "text/plain; charset=utf-8"}
    assert response.headers["content-disposition"].startswith("attachment")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in response.headers["content-security-policy"]
