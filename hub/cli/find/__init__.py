"""Commands that find and show artifacts, scores and languages."""
