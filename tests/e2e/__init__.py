"""The product as a person meets it: real Chromium, real processes, and a real authorization server."""
