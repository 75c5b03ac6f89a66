"""Every address of the product, found by walking the URL configuration, so that a new page cannot be forgotten."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver, reverse

# Django's own admin has a door and tests of its own; what is below these is not made of our pages.
OUTSIDE = ("admin",)
# What may be written when somebody is turned away, and nothing else.
WRITTEN_BY_A_REFUSAL = {"organizations.auditentry", "organizations.auditchain"}


@dataclass(frozen=True)
class Address:
    """One pattern. `name` is what `reverse` takes, `arguments` are the names of what its path holds."""

    name: str
    arguments: tuple[str, ...]
    view: Callable[..., Any]

    @property
    def action(self) -> str | None:
        """What a member must be allowed to do to get in, where the page belongs to an organization."""
        return getattr(self.view, "action", None)

    def path(self, values: Mapping[str, Any]) -> str:
        return reverse(self.name, kwargs={each: values[each] for each in self.arguments})

    def __str__(self) -> str:
        return self.name


def every_address() -> list[Address]:
    return list(_walk(get_resolver(), "", ()))


def _walk(resolver: URLResolver, namespace: str, before: tuple[str, ...]) -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        arguments = before + tuple(re.compile(pattern.pattern.regex).groupindex)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            if pattern.namespace not in OUTSIDE:
                yield from _walk(pattern, inner, arguments)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield Address(f"{namespace}{pattern.name}", arguments, pattern.callback)


def everything_stored() -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the product's tables: two of these are equal where nothing was changed."""
    configs = (apps.get_app_config("organizations"), apps.get_app_config("credentials"))
    models = (model for config in configs for model in config.get_models(include_auto_created=True))
    return {
        model._meta.label_lower: list(model._default_manager.order_by("pk").values_list())
        for model in models
        if model._meta.label_lower not in WRITTEN_BY_A_REFUSAL
    }
