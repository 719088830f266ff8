"""Scores, leaderboards and filters by metric."""
