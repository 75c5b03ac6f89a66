"""Every sample of every type; a type without one fails the suite."""

from tests.types.access_token_samples import ACCESS_TOKEN
from tests.types.basic_samples import BASIC_AUTHENTICATION
from tests.types.consumer_samples import AUTHENTICATION, PRE_AUTHENTICATION
from tests.types.contract import Sample
from tests.types.mutual_samples import MUTUAL
from tests.types.nlu_samples import GOOGLE_DIALOGFLOW, WATSON_API_KEY, WATSON_PAIR
from tests.types.oauth2_samples import AUTHORIZATION_CODE, CLIENT_CREDENTIALS

SAMPLES: tuple[Sample, ...] = (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    PRE_AUTHENTICATION,
    AUTHENTICATION,
    MUTUAL,
    BASIC_AUTHENTICATION,
    ACCESS_TOKEN,
    GOOGLE_DIALOGFLOW,
    WATSON_API_KEY,
    WATSON_PAIR,
)
