"""What a browser complains about while somebody walks: scripts that fail, what the policy blocks, answers of 5xx."""

from playwright.sync_api import ConsoleMessage, Page, Response

# Chromium says this of every 4xx, also of a form that comes back with its errors.
_EXPECTED = "Failed to load resource"


def watch(page: Page, product_url: str) -> list[str]:
    """The complaints of `page` from now on, as a list that grows. Only answers of the product count as answers."""
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        is_error = message.type == "error" and not message.text.startswith(_EXPECTED)
        if is_error or "Content Security Policy" in message.text:
            complaints.append(f"{page.url}: {message.text}")

    def on_response(response: Response) -> None:
        if response.status >= 500 and response.url.startswith(product_url):
            complaints.append(f"{response.status} at {response.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("response", on_response)
    return complaints
