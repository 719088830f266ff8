"""The search index: text, tags, facet counts and rankings."""
