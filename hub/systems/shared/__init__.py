"""Code that several published systems share."""
