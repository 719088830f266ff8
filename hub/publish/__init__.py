"""Make revisions known: check, store bytes, record, then run what follows."""
