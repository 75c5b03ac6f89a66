"""A JSON document that a server publishes about itself or its users, read in UTF-8 as RFC 8259 §8.1 has it."""

import json
from typing import Any

import requests


def json_object(answer: requests.Response) -> dict[str, Any] | None:
    """The object in an answer of status 200; None for everything else. Never raises.

    Not `Response.json()`: where the bytes are no UTF-8 that one guesses their encoding, or believes the one that the
    server names, and either can keep a thread busy for minutes with a megabyte that was made for it.
    """
    if answer.status_code != requests.codes.ok:
        return None
    try:
        document = json.loads(answer.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # ValueError: also bytes that are no text, and a number of 5,000 digits
        return None
    return document if isinstance(document, dict) else None
