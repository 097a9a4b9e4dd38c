"""Tests, and the benchmarks run by `python -m tests.benchmarks`."""
