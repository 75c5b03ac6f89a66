"""What the product says within this process while a test runs: answers, sessions, messages, mails, printed words.

And what it seals meanwhile, which nobody may hear: every value of every sealed column, whichever test made it up.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from celery.signals import before_task_publish
from django.core import mail
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.management.base import BaseCommand, OutputWrapper
from django.core.signing import JSONSerializer, Signer
from django.test import Client

from credentials.crypto.fields import SealedModel

# Columns and members that hold public things too. Drafts have names and addresses, answers have headers, keystores have
# certificates; the nonce of an ID token stands in an address. What is secret in them is sealed once more, or marked.
NOT_ONLY_SECRETS = {"answer", "data", "der", "facts", "id_token_nonce"}
LONG_ENOUGH = 12  # to be told from a word that stands on any page

said: list[tuple[str, bytes]] = []
sealed: set[bytes] = set()
_commands: list[str] = []


def forget() -> None:
    said.clear()
    sealed.clear()


def everything_said() -> Iterator[tuple[str, bytes]]:
    """Places and words, in pieces."""
    yield from said
    for each in getattr(mail, "outbox", []):
        words = [each.subject, each.body, *each.recipients(), each.extra_headers, getattr(each, "alternatives", "")]
        yield "a mail", " ".join(map(str, words)).encode()
    cache = caches["default"]
    if isinstance(cache, LocMemCache):
        yield "the cache", b"\0".join(cache._cache.values())


def _instead_of(owner: type, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The function gets the method in whose place it is called, and then its arguments."""

    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(owner, name, functools.partialmethod(_turned, function, getattr(owner, name)))
        return function

    return put


def _turned(self: Any, function: Callable[..., Any], method: Callable[..., Any], *args: Any, **named: Any) -> Any:
    return function(method, self, *args, **named)


@_instead_of(Client, "request")
def _answered(request: Callable[..., Any], client: Client, **environment: Any) -> Any:
    answer = request(client, **environment)
    place = f"the answer {answer.status_code} to {environment['REQUEST_METHOD']} {environment['PATH_INFO']}"
    said.append((place, answer.serialize_headers() + answer.cookies.output().encode()))
    if answer.streaming:
        answer.streaming_content = _streamed(place, answer.streaming_content)
    else:
        said.append((place, answer.content))
    return answer


def _streamed(place: str, parts: Iterator[bytes]) -> Iterator[bytes]:
    """Heard when it was read, and as one: a secret may begin in one part and end in the next."""
    read = []
    for part in parts:
        read.append(part)
        yield part
    said.append((place, b"".join(read)))


@_instead_of(Signer, "sign_object")
def _signed(sign: Callable[..., str], signer: Signer, obj: Any, serializer: Any = JSONSerializer, **how: Any) -> str:
    """Sessions and messages are compressed: neither the database nor the cookie would show what is in them."""
    said.append(("a session or a signed cookie", serializer().dumps(obj)))
    return sign(signer, obj, serializer=serializer, **how)


@_instead_of(BaseCommand, "execute")
def _executed(execute: Callable[..., Any], command: BaseCommand, *args: Any, **options: Any) -> Any:
    _commands.append(type(command).__module__.rpartition(".")[2])
    try:
        return execute(command, *args, **options)
    finally:
        _commands.pop()


@_instead_of(OutputWrapper, "write")
def _printed(write: Callable[..., None], output: OutputWrapper, msg: str = "", *args: Any, **how: Any) -> None:
    said.append((f"what {_commands[-1] if _commands else 'a command'} printed", str(msg).encode()))
    write(output, msg, *args, **how)


@before_task_publish.connect
def _queued(body: Any, headers: Any, **_: Any) -> None:
    said.append(("the queue", f"{body} {headers}".encode()))


@_instead_of(SealedModel, "seal")
def _sealed(seal: Callable[..., None], row: SealedModel, field: str, value: Any) -> None:
    sealed.update(text.encode() for text in _texts({field: value}) if len(text) >= LONG_ENOUGH)
    seal(row, field, value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in NOT_ONLY_SECRETS:
                yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
