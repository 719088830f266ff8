"""The caller of a request: tokens, browser sessions, forms, quota."""
