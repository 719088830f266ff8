"""Readers of published prompts, a file for each format. docs/internals/evaluation.md says where each was read."""
