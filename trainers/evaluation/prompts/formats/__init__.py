"""Readers of published prompts, a file for each format. docs/internals/evaluation.md lists the sources."""
