"""Template tags of an organization's pages."""
