"""Readers of published captions, a file for each format. docs/internals/evaluation.md says where each was read."""
