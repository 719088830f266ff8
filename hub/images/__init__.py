"""Generated images on disk: contact sheets, text in every script, PNG metadata."""
