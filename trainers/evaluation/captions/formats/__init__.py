"""Readers of published captions, a file for each format. docs/internals/evaluation.md lists the sources."""
