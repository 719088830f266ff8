"""What search looks through: text, tags, facet counts, ranking."""
