"""GlueGen."""
