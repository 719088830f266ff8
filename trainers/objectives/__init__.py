"""Losses on a feature dataset that several methods share; a method's own file defines its learner, phases and recipes."""
