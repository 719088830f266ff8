"""Tests of servers that are killed, run out of disk space, or lose their clients."""
