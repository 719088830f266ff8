"""SQLAlchemy tables. Imported for writing and creating the schema only."""
