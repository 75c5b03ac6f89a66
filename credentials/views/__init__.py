"""The pages of credentials: a view parses, delegates to a service and answers."""
