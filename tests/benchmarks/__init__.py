"""Tests of the benchmarks' own reckoning; the figures themselves are never asserted."""
