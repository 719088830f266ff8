"""The lab: a small real world of emoji in 105 languages, and the models that live in it."""
