"""Scan files that can run code, in a separate process. Scanning reduces risk but proves nothing: see docs/publish/trust.md."""
