"""The HTTP API for bots: JSON over HTTPS below `/api/v1`, with a service token of one organization."""
