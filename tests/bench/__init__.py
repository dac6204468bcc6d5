"""Benchmarks: python3 tools/dev.py bench [NAME] [--json]."""
