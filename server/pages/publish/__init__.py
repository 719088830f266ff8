"""Publish in the browser: upload a folder, and edit a card."""
