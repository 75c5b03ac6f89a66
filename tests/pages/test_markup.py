"""What holds for every template: the content security policy, the icons, and how a form shows."""

import re
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.template import engines
from django.template.loader import render_to_string

from credentials.templatetags.presentation import TONE_ICONS
from credentials.types.registry import TYPES

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SPRITE = (ROOT / "static/vendor/bootstrap-icons/icons.svg").read_text()


def named(path: Path) -> str:
    return str(path.relative_to(ROOT / "templates"))


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_no_template_has_inline_script_or_style(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals=.js:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_no_template_loads_anything_from_another_host(path: Path) -> None:
    assert not re.search(r"""(src|href)=["'](https?:)?//""", path.read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_every_template_compiles(path: Path) -> None:
    assert engines["django"].get_template(named(path))


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    named_in_pages = {name for path in TEMPLATES for name in re.findall(r'{% icon "([\w-]+)"', path.read_text())}
    named_by_types = {room.icon for room in TYPES.values()}
    names = named_in_pages | named_by_types | set(TONE_ICONS.values())
    assert {name for name in names if f'id="{name}"' not in SPRITE} == set()


class Access(forms.Form):
    configured_fields = ("secret",)
    advanced_fields = ("scope",)

    secret = forms.CharField(label="Client Secret", required=False, widget=forms.PasswordInput)
    token_url = forms.CharField(label="Token URL", help_text="Where the token comes from.")
    scope = forms.CharField(label="Scope", required=False, max_length=3)


def shown(form: forms.Form, template: str = "partials/form_fields.html") -> str:
    return " ".join(render_to_string(template, {"form": form}).split())


def test_a_stored_secret_is_called_configured_and_its_value_is_not_in_the_page() -> None:
    page = shown(Access(initial={"secret": "canary-in-the-page"}))
    assert "configured" in page
    assert "Replace" in page
    assert "canary-in-the-page" not in page


def test_a_secret_that_was_typed_does_not_come_back_with_the_errors() -> None:
    assert "canary-in-the-page" not in shown(Access({"secret": "canary-in-the-page", "token_url": ""}))


def test_the_summary_leads_to_each_field_that_is_wrong() -> None:
    page = shown(Access({"token_url": "", "scope": "too long"}), "partials/error_summary.html")
    assert 'href="#id_token_url"' in page
    assert 'href="#id_scope"' in page
    assert "data-error-summary" in page


def test_a_form_without_errors_has_no_summary() -> None:
    assert shown(Access(), "partials/error_summary.html") == ""


def test_help_and_error_are_tied_to_their_field() -> None:
    page = shown(Access({"token_url": ""}))
    tied = re.search(r'<input[^>]*name="token_url"[^>]*aria-describedby="([^"]+)"', page)
    assert tied
    assert all(f'id="{name}"' in page for name in tied[1].split())
    assert "id_token_url_error" in tied[1]


def test_an_error_behind_advanced_opens_it() -> None:
    assert '<details class="disclosure" >' in shown(Access())
    assert '<details class="disclosure" open>' in shown(Access({"token_url": "u", "scope": "too long"}))


def test_what_is_optional_is_marked_and_what_is_required_has_no_star() -> None:
    page = shown(Access())
    assert page.count(">optional<") == 2
    assert ">Token URL</label>" in page


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html", "503.html"])
def test_an_error_page_asks_neither_for_a_request_nor_for_the_database(name: str) -> None:
    assert "<h1>" in render_to_string(name)
