"""The first file of a new repository: a `.gitattributes` as on the Hugging Face Hub."""

from __future__ import annotations

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


def attributes_of_new(*, is_dataset: bool) -> bytes:
    """Return the `.gitattributes` of a new model or data set: binary files are kept by Git LFS."""
    patterns = (*_LFS, *_MEDIA) if is_dataset else _LFS
    return "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in patterns).encode()
