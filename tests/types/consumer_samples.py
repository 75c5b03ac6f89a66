"""What a person enters for the credentials that carry consumers' tokens."""

from tests.types.contract import Sample

PRE_AUTHENTICATION = Sample(kind="consumer_pre_authentication", title="Consumer Pre-Authentication")
