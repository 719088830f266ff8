"""mCLIP."""
