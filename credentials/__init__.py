"""Credentials and everything that uses one: `docs/architecture.md` draws the rooms."""
