"""Reading in the Hub protocol: listings, trees, files."""
