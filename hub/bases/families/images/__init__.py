"""Further families of image bases, besides the most common ones."""
