"""Pages for people: the same queries as the API, answered in HTML that needs no JavaScript."""
