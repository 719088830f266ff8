"""Scans of files."""

from __future__ import annotations

import pickle

from hub.local import LocalHub
from hub.records import File
from hub.registry.artifacts.scans import MALICIOUS, mark_unsafe_files
from server.parts.scanning.scan import save_report


def mark_malicious(hub: LocalHub, name: str = "evil.pkl") -> str:
    """Store a file that scanners have found malicious, and return its SHA-256."""
    digest, size = hub.store.put(pickle.dumps(name))
    mark_unsafe_files(hub.registry.database, [(File(name, digest, size), "pickle")])
    report = {"picklescan": {"version": "1", "verdict": MALICIOUS, "findings": ["calls os.system"]}}
    save_report(hub.registry.database, digest, MALICIOUS, "picklescan 1", report)
    return digest.hex
