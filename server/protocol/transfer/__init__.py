"""Uploading bytes: Git LFS and Xet."""
