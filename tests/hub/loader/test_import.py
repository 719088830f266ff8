"""Importing the loader: how often Python looks for cycles meanwhile."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "diffusers":
            print(gc.get_threshold()[0])
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Finder())
gc.set_threshold(700)
try:
    import hub.loader
finally:
    print(gc.get_threshold()[0])
"""


def test_python_rarely_looks_for_cycles_while_libraries_are_imported() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=False, capture_output=True, text=True, timeout=300)
    during, after = map(int, done.stdout.split())
    assert during >= 50_000
    assert after == 700
