"""Tests of the verbs that touch the world."""
