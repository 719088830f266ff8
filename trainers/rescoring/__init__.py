"""Repeat the scores of artifacts on this hub, and record them as reproduced: by hand, or in a worker process.

Neither the core nor the server imports this package. See docs/internals/scores.md.
"""
