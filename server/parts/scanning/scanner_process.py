"""Scan one file: `python -I scanner_process.py FILE NAME` prints one line of JSON. This program imports nothing from linguahub.

Nothing is unpickled. Both scanners read the opcodes of pickles and check what they would import against lists of dangerous and
harmless names. They open few archives themselves, so the members of archives are read here, one after the other, and each one that
can run code is given to both scanners: it gets the verdict that it would get outside of the archive.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import logging
import lzma
import resource
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, cast

MEMORY_BYTES = 2 << 30
PROCESSOR_S = 60
READING_S = 40.0
"""Processor time after which no further member of an archive is read, so that a report can still be printed."""
MAX_MEMBERS = 10_000
MAX_NESTED = 1
"""Archives inside an archive are read, such as PyTorch's files, which are ZIP archives. Those inside them are not."""
MAX_MEMBER_BYTES = 128 << 20
"""Maximum size of a member that has to be kept in memory: a pickle, or an archive inside an archive."""
MAX_BYTES = 8 << 30
"""Maximum size of all members of an archive together, after decompression."""
_MAX = 50
"""Imports and findings per report."""
_START_BYTES = 512
_PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
_PROGRAMS = (
    b"\x7fELF",
    b"MZ",
    b"\0asm",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
)
_ARRAY = b"\x93NUMPY"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_COMPRESSED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
_UNREADABLE = (b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x04\x22\x4d\x18")
"""Zstandard, 7z, RAR and LZ4."""
_SCANNERS = ("picklescan", "modelaudit-picklescan")
_SEVERITY = ("clean", "failed", "inconclusive", "suspicious", "malicious")
Member = tuple[str, BinaryIO]


class NotRead(Exception):
    """The rest of an archive cannot be read, or is not read because of a limit."""


def main(file: str, name: str) -> None:
    """Run both scanners and print their reports."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable(logging.CRITICAL)
    with Path(file).open("rb") as opened:
        print(json.dumps(scan(opened, name, file)))


def scan(opened: BinaryIO, name: str, file: str = "") -> dict[str, Any]:
    """Return the reports of both scanners about a file and its members. `file`: its path, if it has one."""
    report = _scan_itself(opened, name, file)
    opened.seek(0)
    found, reason = scan_members(opened, name)
    if found is None:
        return report
    for scanner, own in report.items():
        members = [(member, each[scanner]) for member, each in found]
        members.sort(key=lambda each: -_SEVERITY.index(each[1]["verdict"]))  # The worst is never cut.
        own = _of_archive(own, name, is_complete=not reason)  # noqa: PLW2901 - from here on, only this is used
        worst = max([own, *(each for _, each in members)], key=lambda each: _SEVERITY.index(each["verdict"]))
        verdict = worst["verdict"] if not reason else max(worst["verdict"], "inconclusive", key=_SEVERITY.index)
        findings = [
            f"in {member}: {line}"
            for member, each in members
            for line in [*each.get("findings", ()), *_named(each), *filter(None, [each.get("reason")])]
        ]
        report[scanner] = {**own, "verdict": verdict, "findings": [*own.get("findings", ()), *findings][:_MAX]}
        if reason:
            report[scanner]["reason"] = reason
    return report


def _scan_itself(opened: BinaryIO, name: str, file: str = "") -> dict[str, dict[str, Any]]:
    """Return the reports of both scanners about all bytes of a file as one pickle.

    `modelaudit-picklescan` takes any bytes for a pickle, so arrays and ZIP archives are kept from it. `pickle.load` ends at the first byte
    of a ZIP archive, which requests an object from the program that loads it.
    """
    opened.seek(0)
    start = opened.read(_START_BYTES)
    report = {"picklescan": _run(partial(_picklescan, opened, name)), "modelaudit-picklescan": {"verdict": "clean"}}
    if not start.startswith((*_ZIP, _ARRAY)):
        report["modelaudit-picklescan"] = _run(partial(_modelaudit, opened, file))
    elif start.startswith(_ARRAY) and report["picklescan"]["verdict"] == "clean" and report["picklescan"]["imports"]:
        report["modelaudit-picklescan"] = {"verdict": "inconclusive", "reason": "an array of Python objects"}
    return report


def _of_archive(own: dict[str, Any], name: str, *, is_complete: bool) -> dict[str, Any]:
    """Return what counts of the report about an archive itself, beside those about its members.

    That it is not a pickle does not matter if all members were read. A tar archive begins with the name of a member, and a name such as
    `corpus.txt` looks like a pickle; only if the archive has the name of a pickle would anyone load it as one.
    """
    is_chance = own["verdict"] == "suspicious" and not name.lower().endswith(_PICKLES)
    if is_chance or (is_complete and own["verdict"] in {"failed", "inconclusive"}):
        return {"verdict": "clean", **({"version": own["version"]} if "version" in own else {})}
    return own


def scan_members(opened: BinaryIO, name: str) -> tuple[list[tuple[str, dict[str, Any]]] | None, str]:
    """Scan the members of an archive that can run code. Return their reports, and why others were not scanned, if any.

    The reports are None for a file that is not an archive.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    budget = _Budget()
    try:
        members = _members(opened, budget)
        if members is None:
            return None, ""
        _scan_each(members, found, budget, nested=0)
    except NotRead as limit:
        return found, str(limit)
    except Exception as error:  # noqa: BLE001 - as in `_run`
        return found, f"the archive {name} cannot be read: {type(error).__name__}: {error}"[:300]
    return found, ""


def _scan_each(
    members: Iterator[Member], found: list[tuple[str, dict[str, Any]]], budget: _Budget, *, nested: int
) -> None:
    for name, stream in members:
        budget.count_member()
        start = stream.read(_START_BYTES)
        if start.startswith(_PROGRAMS):
            found.append((name, {scanner: {"verdict": "inconclusive", "reason": "a program"} for scanner in _SCANNERS}))
            continue
        is_archive = start.startswith((*_ZIP, *_COMPRESSED, *_UNREADABLE)) or _is_tar(start)
        is_array = start.startswith(_ARRAY)
        is_pickle = start[:1] == b"\x80" and start[1:2] in {b"\2", b"\3", b"\4", b"\5"}
        if not (is_archive or is_pickle or is_array or name.lower().endswith(_PICKLES)):
            continue
        content = start + stream.read(MAX_MEMBER_BYTES - len(start) + 1)
        if len(content) > MAX_MEMBER_BYTES:
            raise NotRead(f"{name} has more than {MAX_MEMBER_BYTES >> 20} MiB")
        inner = io.BytesIO(content)
        inside = _members(inner, budget) if is_archive else None
        if inside is not None:
            if nested == MAX_NESTED:
                raise NotRead(f"{name} is an archive inside an archive inside an archive")
            _scan_each(((f"{name}/{below}", each) for below, each in inside), found, budget, nested=nested + 1)
            own = _scan_itself(inner, name)
            found.append((name, {each: _of_archive(report, name, is_complete=True) for each, report in own.items()}))
            continue
        found.append((name, _scan_itself(inner, name)))


class _Budget:
    """Remaining limits for reading an archive."""

    def __init__(self) -> None:
        self.members = MAX_MEMBERS
        self.bytes_left = MAX_BYTES
        self._started = time.process_time()

    def count_member(self) -> None:
        self.members -= 1
        if self.members < 0:
            raise NotRead(f"the archive has more than {MAX_MEMBERS} members")
        self._check_time()

    def count_bytes(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise NotRead(f"the archive has more than {MAX_BYTES >> 30} GiB")
        self._check_time()

    def _check_time(self) -> None:
        if time.process_time() - self._started > READING_S:
            raise NotRead(f"reading the archive took more than {READING_S:.0f} s")


class _Counted(io.RawIOBase):
    """A stream whose bytes count."""

    def __init__(self, stream: BinaryIO, budget: _Budget) -> None:
        self._stream = stream
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        self._budget.count_bytes(len(content))
        buffer[: len(content)] = content
        return len(content)


def _members(opened: BinaryIO, budget: _Budget) -> Iterator[Member] | None:
    """Return the names and contents of an archive's members; None for any other file. Raises NotRead."""
    start = opened.read(_START_BYTES)
    opened.seek(0)
    if start.startswith(_UNREADABLE):
        raise NotRead("archives of this format are not read")
    if start.startswith(_ZIP):
        return _zip_members(opened, budget)
    if _is_tar(start):
        return _tar_members(_counted(opened, budget))
    decompress = next((each for magic, each in _COMPRESSED.items() if start.startswith(magic)), None)
    if decompress is None:
        return None
    stream = _counted(decompress(opened), budget)
    return (
        _tar_members(stream)
        if _is_tar(stream.peek(_START_BYTES)[:_START_BYTES])
        else iter([("content", cast("BinaryIO", stream))])
    )


def _counted(stream: BinaryIO, budget: _Budget) -> io.BufferedReader:
    return io.BufferedReader(_Counted(stream, budget), 1 << 16)


def _zip_members(opened: BinaryIO, budget: _Budget) -> Iterator[Member]:
    with zipfile.ZipFile(opened) as archive:
        for each in archive.infolist():
            if not each.is_dir():
                with archive.open(each) as stream:
                    yield each.filename, cast("BinaryIO", _counted(cast("BinaryIO", stream), budget))


def _tar_members(stream: io.BufferedReader) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for each in archive:
            content = archive.extractfile(each) if each.isreg() else None
            if content is not None:
                yield each.name, cast("BinaryIO", content)


def _is_tar(start: bytes) -> bool:
    """Return whether a file begins with a header of tar, whose checksum shows it in every format."""
    try:
        tarfile.TarInfo.frombuf(start[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _run(scan: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return scan()
    except Exception as error:  # noqa: BLE001 - a hostile file can make a scanner raise anything; the report contains it
        return {"verdict": "failed", "reason": f"{type(error).__name__}: {error}"[:300]}


def _picklescan(opened: BinaryIO, name: str) -> dict[str, Any]:
    from picklescan.scanner import SafetyLevel, scan_bytes

    opened.seek(0)
    result = scan_bytes(opened, name, Path(name).suffix.lower() or None)
    imports = [{"module": each.module, "name": each.name, "safety": each.safety.value} for each in result.globals]
    levels = {each.safety for each in result.globals}
    if SafetyLevel.Dangerous in levels:
        verdict = "malicious"
    elif result.scan_err or not result.scanned_files:
        verdict = "inconclusive"
    else:
        verdict = "suspicious" if SafetyLevel.Suspicious in levels else "clean"
    imports.sort(key=lambda each: (each["safety"], each["module"], each["name"]))
    return {"version": version("picklescan"), "verdict": verdict, "imports": imports[:_MAX]}


def _modelaudit(opened: BinaryIO, file: str) -> dict[str, Any]:
    from modelaudit_picklescan import ScanOptions, ScanStatus, scan_bytes, scan_file

    opened.seek(0)
    options = ScanOptions(timeout_s=PROCESSOR_S)
    report = scan_file(file, options=options) if file else scan_bytes(opened.read(), options=options)
    verdict = report.verdict.value
    if verdict == "unknown" or (verdict == "clean" and report.status is not ScanStatus.COMPLETE):
        verdict = "inconclusive"
    findings = [f"{each.severity.value}: {each.message}"[:300] for each in report.findings]
    findings += [f"error: {each.message}"[:300] for each in report.errors]
    return {"version": version("modelaudit-picklescan"), "verdict": verdict, "findings": findings[:_MAX]}


def _named(report: dict[str, Any]) -> list[str]:
    return [f"{each['module']}.{each['name']} ({each['safety']})" for each in report.get("imports", ())]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
