"""Asking blocklists to remove what is clean again: one file for each way that lists take it."""
