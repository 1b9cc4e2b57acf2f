"""Tests of the HTTP side: what comes in, and how it is understood."""
