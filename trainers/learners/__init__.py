"""The modules being trained, and the losses that methods share."""
