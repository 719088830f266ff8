"""The transactional outbox: jobs that transactions enqueue, and the worker that runs them."""
