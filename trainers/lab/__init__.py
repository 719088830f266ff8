"""The lab: a small real data set (emoji in 105 languages) and the small models trained on it."""
