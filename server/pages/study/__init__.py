"""/study: the report that `hub study` writes."""
