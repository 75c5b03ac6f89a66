"""*Send test request* of an integration whose credential acts for a consumer."""

import pytest

from credentials.models import Credential
from tests.support.credentials import make_integration
from tests.support.people import Cast
from tests.support.windows import window, words

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", ["consumer_pre_authentication", "consumer_authentication"])
def test_a_person_is_told_that_only_a_bots_call_names_the_consumer(cast: Cast, kind: str) -> None:
    credential = Credential(organization=cast.organization, account=cast.account, name="Shoppers", kind=kind)
    credential.payload = {"authentication_url": "https://idp.example.com/authorize"}
    credential.seal("secrets", {})
    credential.save()
    integration = make_integration(cast.organization, "https://api.example.com/orders", credential=credential)
    answer = window(cast.dana).post(
        f"/organizations/{cast.organization.pk}/integrations/{integration.pk}/test/", {}, follow=True
    )
    assert answer.status_code == 200
    assert "whom only a bot's call can name" in words(answer)
