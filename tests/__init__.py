"""Tests; `tests/` mirrors the source."""
