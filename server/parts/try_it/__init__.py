"""Generate images on the page `/try`, in processes beside the server. See docs/internals/try-it.md."""
