"""Search: criteria, keyset pages, facets."""
