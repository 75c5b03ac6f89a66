"""The embedded way to run: the product and a sandbox resource on one machine, from nothing but this repository."""


class CannotStartError(Exception):
    """What is in the way, in one sentence for the person at the terminal."""
