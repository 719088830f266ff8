"""Publish revisions: validate, store blobs, record, then run outbox jobs."""
