"""Inputs of training: prompts, features computed once, caches."""
