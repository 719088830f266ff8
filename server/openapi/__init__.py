"""The OpenAPI document of our own API."""
