"""ELLA."""
