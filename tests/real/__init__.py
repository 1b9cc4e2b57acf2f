"""Tests that drive real servers."""
