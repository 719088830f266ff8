"""Open the folders, files and shards that hold captions, and images beside them. Images are only read when they are needed.

Only JSON, CSV, parquet and images are read; nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path

from hub.errors import InvalidRequest
from trainers.corpora.formats.parquet import ParquetFormat
from trainers.corpora.formats.row import Format, list_files
from trainers.corpora.formats.shards import ShardFormat
from trainers.corpora.formats.tables import METADATA, TableFormat


def open_format(place: Path, image_column: str, wanted: tuple[str, ...]) -> Format:
    """Open a file or folder; an empty `image_column` means the format's usual one, `wanted` are the other columns to read.

    Shards precede parquet files: img2dataset writes a parquet file without images beside each shard. Raises `InvalidRequest` for an
    unknown format.
    """
    root, files = (place.parent, [place.name]) if place.is_file() else (place, list_files(place))
    tables = [name for name in files if Path(name).name in METADATA]
    if not tables:
        if shards := [name for name in files if name.endswith(".tar")]:
            return ShardFormat(root, shards, image_column)
        if parquet := [name for name in files if name.endswith(".parquet")]:
            return ParquetFormat(root, parquet, image_column, wanted)
        tables = [name for name in files if name.endswith((".jsonl", ".csv"))]
    if tables:
        return TableFormat(root, tables, image_column)
    raise InvalidRequest(
        f"there are no captions in {place}: a corpus is a folder with {' or '.join(METADATA)} beside its images, "
        "WebDataset shards (.tar), parquet files, or .jsonl or .csv files with texts only."
    )
