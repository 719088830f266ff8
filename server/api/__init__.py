"""Our own API, `/api/v1`: totals, facets and scores, which the Hugging Face protocol does not cover."""
