"""Read requests of the Hub protocol: lists, trees, files."""
