"""The page with the scores of an artifact: charts and a table."""
