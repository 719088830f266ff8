"""Reversible changes of a base."""
