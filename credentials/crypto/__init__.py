"""Sealing secrets: `envelope` is the format, `keyring` the keys, `fields` what a model uses."""
