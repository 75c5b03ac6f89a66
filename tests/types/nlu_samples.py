"""What a person enters for a Third-party NLU credential, once for each provider and kind of secret."""

from tests.support.nlu import KIND, google_json, watson_json, watson_pair_json
from tests.types.contract import Sample


def _sample(title: str, provider: str, text: str) -> Sample:
    return Sample(
        kind=KIND,
        title=f"Third-party NLU, {title}",
        steps={"provider": {"provider": provider, "credentials": text}},
        secrets=("credentials",),
        labels=("NLU Provider", "Credentials", "Credentials as a file", "Location"),
    )


GOOGLE_DIALOGFLOW = _sample("Google Dialogflow", "google_dialogflow", google_json())
WATSON_API_KEY = _sample("IBM Watson with an API key", "ibm_watson", watson_json())
WATSON_PAIR = _sample("IBM Watson with user name and password", "ibm_watson", watson_pair_json())
