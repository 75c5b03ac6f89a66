"""Third-party NLU: what a domain is trained with at Google Dialogflow or IBM Watson."""

from credentials.types.nlu.room import ThirdPartyNlu

__all__ = ["ThirdPartyNlu"]
