"""The sandbox resource: an authorization server and an API that wants its tokens, to try the product without internet.

It is a project of its own (its own settings, database, people and cookies) and shares nothing with the product but this
repository. `python -m botaccounts.sandbox --help` lists what it can be told.
"""

SAMPLE_USERNAME = "sandy"
# Somebody else, with the same password: to see what happens when another account grants access.
OTHER_USERNAME = "dusty"
SAMPLE_PASSWORD = "sandy-likes-sand"  # noqa: S105 - printed by `make run`; it guards nothing
