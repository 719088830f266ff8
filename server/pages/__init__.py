"""Web pages, which make the same queries as the API and need no JavaScript."""
