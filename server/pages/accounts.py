"""The pages of people who are logged in, or want to be."""

from __future__ import annotations

from fastapi import FastAPI

from server.pages.access import add_access_requests
from server.pages.device import add_device_page
from server.pages.login import add_login
from server.pages.settings import add_settings


def add_account_pages(app: FastAPI) -> None:
    """Log in and out, settings, devices, asking for access."""
    add_login(app)
    add_settings(app)
    add_device_page(app)
    add_access_requests(app)
