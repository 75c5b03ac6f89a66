"""Staff in the Django admin: nobody comes in with a password alone."""
