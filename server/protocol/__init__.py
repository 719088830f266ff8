"""The Hugging Face Hub protocol, as far as unmodified clients need it to list, inspect and download."""
