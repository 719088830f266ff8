"""Generate images for other processes: a process that loads pipelines and is sent requests, as the server's page `/try` does."""
