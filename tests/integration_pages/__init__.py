"""The pages of API integrations."""
