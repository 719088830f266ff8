"""Example images of artifacts."""
