"""Every sample of every type; a type without one fails the suite."""

from tests.types.consumer_samples import AUTHENTICATION, PRE_AUTHENTICATION
from tests.types.contract import Sample
from tests.types.mutual_samples import MUTUAL
from tests.types.oauth2_samples import AUTHORIZATION_CODE, CLIENT_CREDENTIALS

SAMPLES: tuple[Sample, ...] = (AUTHORIZATION_CODE, CLIENT_CREDENTIALS, PRE_AUTHENTICATION, AUTHENTICATION, MUTUAL)
