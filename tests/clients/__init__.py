"""Every version of Hugging Face's client, unmodified, against our server: what docs/reference/clients.md says, found out again."""
