"""Links to artifacts and languages have a preview image on other sites."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from PIL import Image
from starlette.testclient import TestClient

from hub.images.share_image import MAX_PIXELS, SIZE, draw_share_image
from hub.local import LocalHub
from tests.builders.server.people import ROOT


def _drawn(content: bytes) -> Image.Image:
    with Image.open(BytesIO(content)) as opened:
        return opened.convert("RGB")


def _png(size: tuple[int, int], colour: str) -> bytes:
    written = BytesIO()
    Image.new("RGB", size, colour).save(written, "PNG")
    return written.getvalue()


def test_a_sample_is_shown_beside_the_words():
    plain, sampled = draw_share_image("a", "b"), draw_share_image("a", "b", sample=_png((64, 48), "red"))
    assert _drawn(plain).size == SIZE
    assert (255, 0, 0) not in {colour for _, colour in _drawn(plain).getcolors(1 << 16)}
    reds = {colour: count for count, colour in _drawn(sampled).getcolors(1 << 16)}
    assert reds[255, 0, 0] == 400 * 400


@pytest.mark.parametrize(
    "sample", [b"", b"no image", _png((64, 64), "red")[:60], _png((MAX_PIXELS // 1000 + 1, 1000), "red"), b"%!PS-Adobe-3.0 EPSF"]
)  # fmt: skip
def test_a_sample_that_cannot_be_decoded_is_left_out(sample: bytes):
    assert draw_share_image("a", "b", sample=sample) == draw_share_image("a", "b")


def test_long_texts_stay_on_the_image():
    drawn = _drawn(draw_share_image("owner/" + "word-" * 40, "words " * 200, "facts " * 50, _png((64, 64), "red")))
    below = drawn.crop((0, 540, 600, 560))
    assert len(below.getcolors(1 << 16)) == 1, "space above the site's name"


@pytest.mark.parametrize(
    "page", ["/linguahub/mulan-yo", "/linguahub/mulan-yo/scores", "/datasets/linguahub/emoji", "/languages/yo"]
)
def test_a_page_names_an_image_that_is_served_and_need_not_be_sent_again(client: TestClient, page: str):
    [address] = re.findall(
        'property="og:image" content="([^"]+)"', client.get(page).text.replace("http://testserver", "")
    )
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert _drawn(answer.content).size == SIZE
    again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_shared_caches_keep_only_images_for_visitors_without_an_account(client: TestClient, hub: LocalHub):
    address = "/linguahub/mulan-yo/share.png"
    assert client.get(address).headers["Cache-Control"].startswith("public")
    token = hub.tokens.create(hub.accounts.add("reader", ROOT), "read", ROOT)
    assert (
        client.get(address, headers={"Authorization": f"Bearer {token}"}).headers["Cache-Control"]
        == "private, no-cache"
    )
