"""Variables of the conversation: each value stays a value, wherever it is put."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from credentials.services import variables
from credentials.services.variables import MissingVariable, UnsafeValue

HOSTILE = "\"><&\\\r\n;/?#=%{}' x"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("A-1001", "/orders/A-1001"),
        (7, "/orders/7"),
        (True, "/orders/true"),
        ("a/b", "/orders/a%2Fb"),
        ("a?x=1#y", "/orders/a%3Fx%3D1%23y"),
        ("äö", "/orders/%C3%A4%C3%B6"),
        ("..%2f", "/orders/..%252f"),
        ("\\", "/orders/%5C"),
    ],
)
def test_a_value_in_the_path_stays_inside_its_segment(value: variables.Value, path: str) -> None:
    url = variables.in_url("https://api.example.com/orders/{$botContext.orderId}", {"orderId": value})
    assert url == f"https://api.example.com{path}"


@pytest.mark.parametrize("value", ["", None, ".", ".."])
def test_a_value_that_would_lead_to_another_resource_is_refused(value: variables.Value) -> None:
    with pytest.raises(UnsafeValue):
        variables.in_url("https://api.example.com/orders/{$botContext.orderId}", {"orderId": value})


def test_dots_that_only_together_are_a_step_are_refused() -> None:
    with pytest.raises(UnsafeValue):
        variables.in_url("https://api.example.com/a/{$botContext.x}{$botContext.y}/b", {"x": ".", "y": "."})
    with pytest.raises(UnsafeValue):
        variables.in_url("https://api.example.com/a/.{$botContext.x}", {"x": "."})


def test_a_value_may_be_part_of_a_segment_and_may_be_empty_there() -> None:
    assert variables.in_url("https://h.example/v{$botContext.x}/y", {"x": ""}) == "https://h.example/v/y"


def test_the_slash_at_the_end_of_a_url_is_no_empty_value() -> None:
    assert variables.in_url("https://h.example/a//b/", {}) == "https://h.example/a//b/"


def test_a_value_in_the_query_stays_one_value() -> None:
    url = variables.in_url("https://h.example/a?q={$botContext.q}&limit=5", {"q": HOSTILE})
    assert parse_qs(urlsplit(url).query) == {"q": [HOSTILE], "limit": ["5"]}


def test_an_empty_value_in_the_query_is_fine() -> None:
    assert variables.in_url("https://h.example/a?q={$botContext.q}", {"q": None}) == "https://h.example/a?q="


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", "a\x7fb"])
def test_promise_36_a_line_break_or_control_character_never_reaches_a_header(value: str) -> None:
    with pytest.raises(UnsafeValue) as refusal:
        variables.in_header("Hello {$botContext.name}", {"name": value})
    assert "Evil" not in str(refusal.value)


def test_spaces_around_a_header_are_cut_off() -> None:
    assert variables.in_header("{$botContext.name}", {"name": " \tAda "}) == "Ada"


@pytest.mark.parametrize("value", [HOSTILE, "", "text", 7, -1.5, True, None])
def test_a_value_outside_of_a_json_string_becomes_a_json_value(value: variables.Value) -> None:
    body = variables.in_body('{"a": {$botContext.x}, "b": [1]}', {"x": value}, "application/json;charset=UTF-8")
    assert json.loads(body) == {"a": value, "b": [1]}


@pytest.mark.parametrize(("value", "text"), [(HOSTILE, HOSTILE), (7, "7"), (True, "true"), (None, "")])
def test_a_value_inside_a_json_string_becomes_characters_of_it(value: variables.Value, text: str) -> None:
    template = '{"a": "quoted \\" and {$botContext.x}!", "b": "{$botContext.x}"}'
    body = variables.in_body(template, {"x": value}, "application/vnd.api+json")
    assert json.loads(body) == {"a": f'quoted " and {text}!', "b": text}


def test_a_value_that_looks_like_a_variable_is_not_filled_again() -> None:
    body = variables.in_body('{"a": "{$botContext.x}"}', {"x": "{$botContext.y}", "y": "no"}, "application/json")
    assert json.loads(body) == {"a": "{$botContext.y}"}


def test_a_value_in_a_form_stays_one_field() -> None:
    body = variables.in_body(
        "a={$botContext.x}&b=2", {"x": HOSTILE}, "application/x-www-form-urlencoded; charset=utf-8"
    )
    assert parse_qs(body) == {"a": [HOSTILE], "b": ["2"]}


@pytest.mark.parametrize("content_type", ["text/json", "application/problem+json"])
def test_json_by_another_name_is_json(content_type: str) -> None:
    body = variables.in_body('{"a": "{$botContext.x}"}', {"x": HOSTILE}, content_type)
    assert json.loads(body) == {"a": HOSTILE}


@pytest.mark.parametrize("content_type", ["text/xml", "application/soap+xml; charset=utf-8", "APPLICATION/XML"])
def test_a_value_in_xml_brings_no_markup_along(content_type: str) -> None:
    body = variables.in_body('<a b="{$botContext.x}"/>', {"x": "\"/><c d='e'>&"}, content_type)
    assert body == '<a b="&quot;/&gt;&lt;c d=&#x27;e&#x27;&gt;&amp;"/>'


def test_plain_text_takes_a_value_as_it_is() -> None:
    assert variables.in_body("Hello {$botContext.x}", {"x": HOSTILE}, "text/plain") == f"Hello {HOSTILE}"


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(MissingVariable, match="orderId") as missing:
        variables.in_url("https://h.example/{$botContext.orderId}", {"other": 1})
    assert missing.value.name == "orderId"


@pytest.mark.parametrize("value", ["\ud800", float("nan"), float("inf")])
@pytest.mark.parametrize("place", [variables.in_url, variables.in_parameter, variables.in_header])
def test_what_no_text_can_hold_is_refused_everywhere(place: variables.Callable, value: variables.Value) -> None:
    with pytest.raises(UnsafeValue):
        place("https://h.example/{$botContext.x}", {"x": value})
    with pytest.raises(UnsafeValue):
        variables.in_body('{"a": {$botContext.x}}', {"x": value}, "application/json")


def test_the_names_of_all_variables_are_found() -> None:
    assert variables.names_in("{$botContext.a}{$botContext.b-c.d_1}", "{$botContext.a}") == {"a", "b-c.d_1"}


@pytest.mark.parametrize(
    "url",
    [
        "https://{$botContext.host}/orders",
        "https://api.{$botContext.host}.example.com/",
        "{$botContext.scheme}://api.example.com/",
        "{$botContext.url}",
        "https://api.example.com:{$botContext.port}/",
        "https://user:{$botContext.password}@api.example.com/",
        "https://{$botContext.host}\\@api.example.com/",
    ],
)
def test_scheme_and_host_cannot_be_variables(url: str) -> None:
    with pytest.raises(ValueError, match="host of the URL cannot be a variable"):
        variables.check_url_template(url)


@pytest.mark.parametrize("url", ["https://h.example/{$botContext.}", "https://h.example/?a={$botContext.a b}"])
def test_a_misspelt_variable_in_a_url_is_said_to_be_one(url: str) -> None:
    with pytest.raises(ValueError, match="A variable is written"):
        variables.check_url_template(url)


def test_a_url_with_variables_can_be_checked_like_one_without() -> None:
    template = "https://h.example/{$botContext.a}?b={$botContext.b}"
    assert variables.check_url_template(template) == "https://h.example/x?b=x"
