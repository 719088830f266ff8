"""The common parts of all pages: navigation, static files, compression, and files that browsers and robots request."""
