"""Scanners look at files that can run code, in a process of their own. They are tripwires, no boundary: see docs/trust.md."""
