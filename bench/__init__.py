"""Benchmarks: ``python -m bench`` measures a running joblog beside nginx and bare SQLite and prints one table."""
