"""Creates tables and contact sheets of the lab's results."""
