"""Make fixtures that take long once a session, for all folders that use them."""

from tests.builders.chromium import chromium
from tests.builders.server.people import furnished
from tests.builders.server.published import published
from tests.builders.server.writers import places, written

__all__ = ["chromium", "furnished", "places", "published", "written"]
