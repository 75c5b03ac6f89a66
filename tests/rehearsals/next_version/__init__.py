"""A version after this one, as far as the database sees it: migrations of every form that the rules allow."""
