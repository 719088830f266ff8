"""What several published systems share."""
