"""Artifacts, scores and advice under `/api/v1`."""
