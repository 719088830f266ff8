"""Pages of the caller's own account: /settings with its tabs, /signup and /reset."""
