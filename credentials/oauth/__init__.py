"""The OAuth 2.0 client protocol (RFC 6749, 7009, 7636, 8414). No Django, and nothing else of this project, in here."""
