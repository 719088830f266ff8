"""Recipes: plans, overrides and recipe files."""
