"""The API's documentation as a page: the OpenAPI document, told for people. Plain HTML: nothing is fetched for it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from credentials.api.document import Document


@dataclass(frozen=True)
class Member:
    """A parameter, or a member of a body or an answer."""

    name: str
    kind: str
    required: bool
    about: str


@dataclass(frozen=True)
class Told:
    """One kind of answer: its status, its words with what they mean, or an example."""

    status: str
    codes: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    id: str
    method: str
    path: str
    summary: str
    about: list[str]
    needs: str
    parameters: list[Member]
    body: list[Member]
    answer: list[Member]
    example: str
    refusals: list[Told]


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """For anybody: it holds nothing of an organization."""
    # The calls import this package's parts; the page is told of them when it is asked for.
    from credentials.api.views import api

    document = api.get_openapi_schema()
    context = {
        "sections": list(sections(document)),
        "about": document["info"]["description"].replace("`", ""),
        "document_url": reverse("api:openapi-json"),
        "server": document["servers"][0]["url"],
    }
    return render(request, "credentials/api_reference.html", context)


def sections(document: Document) -> Iterator[tuple[str, str, list[Call]]]:
    """Name, description and calls of each tag."""
    calls = [
        (operation["tags"][0], call_of(document, path, method, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    for tag in document["tags"]:
        yield tag["name"].capitalize(), tag["description"], [call for name, call in calls if name == tag["name"]]


def call_of(document: Document, path: str, method: str, operation: Document) -> Call:
    responses = operation["responses"]
    success = responses["200"]["content"]["application/json"]
    description = operation.get("description", "")
    return Call(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["operationId"].replace("_", " ").capitalize(),
        about=[line.replace("`", "") for line in description.splitlines() if line.strip()],
        needs=", ".join(operation["security"][0].get(next(iter(operation["security"][0])), [])),
        parameters=[
            Member(each["name"], kind_of(document, each["schema"]), each["required"], plain(each))
            for each in operation["parameters"]
        ],
        body=members(document, body_schema(operation)),
        answer=members(document, success["schema"]),
        example=json.dumps(success["example"], indent=2, ensure_ascii=False),
        refusals=[Told(status, codes_in(told)) for status, told in responses.items() if status != "200"],
    )


def body_schema(operation: Document) -> Document:
    body = operation.get("requestBody")
    return dict(body["content"]["application/json"]["schema"]) if body else {}


def codes_in(told: Document) -> list[tuple[str, str]]:
    examples: Mapping[str, Any] = told["content"]["application/json"]["examples"]
    return [(name, str(example["summary"]).replace("`", "")) for name, example in examples.items()]


def members(document: Document, schema: Document) -> list[Member]:
    resolved = without_null(document, schema)
    required = resolved.get("required", [])
    return [
        Member(name, kind_of(document, each), name in required, plain(each))
        for name, each in resolved.get("properties", {}).items()
    ]


def plain(described: Document) -> str:
    return str(described.get("description", "")).replace("`", "")


def without_null(document: Document, schema: Document) -> Document:
    """The schema that a reference, or the one that is not null, stands for."""
    named = schema.get("$ref")
    if named:
        return dict(document["components"]["schemas"][named.rpartition("/")[2]])
    choices = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    return without_null(document, choices[0]) if len(choices) == 1 else schema


def kind_of(document: Document, schema: Document) -> str:
    """What a value looks like, in a few words."""
    resolved = without_null(document, schema)
    nullable = any(each.get("type") == "null" for each in schema.get("anyOf", []))
    if "enum" in resolved:
        kind = " | ".join(str(value) for value in resolved["enum"])
    elif resolved.get("type") == "array":
        kind = f"array of {kind_of(document, resolved['items'])}"
    elif resolved.get("type"):
        kind = str(resolved.get("format") or resolved["type"])
    else:
        kind = " | ".join(str(each.get("type")) for each in resolved.get("anyOf", [])) or "any"
        nullable = False
    return f"{kind} or null" if nullable else kind
