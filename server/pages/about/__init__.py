"""Pages about this server: the reference of its API, its status, and the sitemap."""
