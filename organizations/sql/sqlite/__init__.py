"""A backend for Django, derived from its own for SQLite."""
