"""Language modules in memory: loading, caching, sharing encoders."""
