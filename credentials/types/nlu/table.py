"""The table of NLU providers, in the order in which the form offers them."""

from credentials.types.nlu.google import GoogleDialogflow
from credentials.types.nlu.providers import Provider
from credentials.types.nlu.watson import IbmWatson

PROVIDERS: dict[str, Provider] = {
    "google_dialogflow": GoogleDialogflow(),
    "ibm_watson": IbmWatson(),
}
