"""Run every version of Hugging Face's unmodified client against our server, and compare the results with docs/reference/clients.md."""
