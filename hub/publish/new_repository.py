"""The first files of a new repository: a `.gitattributes` as on the Hugging Face Hub, and a card to fill in."""

from __future__ import annotations

from collections.abc import Sequence

ATTRIBUTES = ".gitattributes"
_LFS = (
    "*.7z", "*.arrow", "*.bin", "*.bz2", "*.ckpt", "*.ftz", "*.gz", "*.h5", "*.joblib", "*.lfs.*", "*.mlmodel", "*.model", "*.msgpack",
    "*.npy", "*.npz", "*.onnx", "*.ot", "*.parquet", "*.pb", "*.pickle", "*.pkl", "*.pt", "*.pth", "*.rar", "*.safetensors",
    "saved_model/**/*", "*.tar.*", "*.tar", "*.tflite", "*.tgz", "*.wasm", "*.xz", "*.zip", "*.zst", "*tfevents*",
)  # fmt: skip
_MEDIA = (
    "*.aac", "*.bmp", "*.flac", "*.gif", "*.jpeg", "*.jpg", "*.lz4", "*.mds", "*.mp3", "*.mp4", "*.ogg", "*.pcm", "*.png", "*.raw",
    "*.sam", "*.tiff", "*.wav", "*.webm", "*.webp",
)  # fmt: skip


_TEMPLATE = """---
language: {language}                  # BCP-47 tags: yo, or [yo, sw]; `mul` if it is for no language in particular
license: {license}              # SPDX or Hugging Face's id, or a list; `other` needs license_name and license_link
library_name: linguahub
{base}tags: []
linguahub:
  kind: {kind}
  summary:                     # One sentence: its purpose and its users. Required.
{method}---

# {name}

What it does, and what it does not.

## Usage

```python
from hub import load_pipeline

pipe = load_pipeline("{usage}", adapter="{name}")
```

## Training

Data, steps, time and hardware. Who owns the data, and under which licence.

## Scores

Measure them with `hub evaluate {name} --push`.
"""


def attributes_of_new(*, is_dataset: bool) -> bytes:
    """Return the `.gitattributes` of a new model or data set: binary files are stored by Git LFS."""
    patterns = (*_LFS, *_MEDIA) if is_dataset else _LFS
    return "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in patterns).encode()


def new_card(
    name: str,
    *,
    kind: str = "adapter",
    base: str = "",
    tags: Sequence[str] = (),
    license: str = "apache-2.0",
    method: str = "",
) -> str:
    """Return the text of a README.md to fill in, which `hub new` writes and the pages start with. `tags` are those of languages."""
    hint = "" if base else "                  # a name of `hub bases`, or a repository"
    has_base = bool(base) or kind in {"adapter", "projector", "delta"}
    return _TEMPLATE.format(
        name=name, kind=kind, license=license.lower(), usage=base or "emoji-sd",
        language=tags[0] if len(tags) == 1 else f"[{', '.join(tags)}]",
        base=f"base_model: {base}{hint}\n" if has_base else "",
        method=f"  method: {method}\n" if method else "",
    )  # fmt: skip
