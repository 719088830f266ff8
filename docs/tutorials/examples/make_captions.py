"""Make `captions`: twelve images with English and Swahili captions."""

import json
from pathlib import Path

from PIL import Image, ImageDraw

COLOURS = {  # English: of a circle (duara), of a square (mraba)
    "red": ("jekundu", "mwekundu"),
    "blue": ("la bluu", "wa bluu"),
    "green": ("la kijani", "wa kijani"),
    "yellow": ("la njano", "wa njano"),
    "black": ("jeusi", "mweusi"),
    "orange": ("la machungwa", "wa machungwa"),
}
folder = Path("captions")
folder.mkdir(exist_ok=True)
with (folder / "metadata.jsonl").open("w", encoding="utf-8") as metadata:
    for colour, (circle, square) in COLOURS.items():
        for shape, swahili in (("circle", f"duara {circle}"), ("square", f"mraba {square}")):
            image = Image.new("RGB", (128, 128), "white")
            draw = ImageDraw.Draw(image)
            (draw.ellipse if shape == "circle" else draw.rectangle)((16, 16, 112, 112), fill=colour)
            image.save(folder / f"{colour}-{shape}.png")
            row = {"file_name": f"{colour}-{shape}.png", "caption_en": f"{colour} {shape}", "caption_sw": swahili}
            metadata.write(json.dumps(row) + "\n")
