"""How pages are put together."""
