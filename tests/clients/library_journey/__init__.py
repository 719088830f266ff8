"""The steps that libraries perform by repository id, with tiny models. They run in the development environment."""

import gc

gc.disable()  # Before the libraries are imported, which would look for garbage dozens of times.
