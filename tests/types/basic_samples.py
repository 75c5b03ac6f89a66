"""What a person enters for a Basic Authentication credential."""

from tests.types.contract import Sample

BASIC_AUTHENTICATION = Sample(
    kind="basic_authentication",
    title="Basic Authentication",
    steps={"user": {"user_name": "jörg@büro", "user_password": " canary pä:ss "}},
    secrets=("user_password",),
    labels=("User Name", "User Password"),
)
