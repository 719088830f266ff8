"""The page that searches and lists artifacts."""
