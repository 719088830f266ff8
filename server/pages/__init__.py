"""Web pages: the same queries as the API, rendered as HTML that needs no JavaScript."""
