"""The steps that libraries perform by repository id, with tiny models. They run in the development environment."""
