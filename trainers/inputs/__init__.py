"""Inputs of training: prompt rules, language mixtures, features of frozen models, and their caches."""
