"""What an error report may say: the exception's type, message and place, and nothing that anybody sent."""

from collections.abc import ItemsView

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class SilentReporterFilter(SafeExceptionReporterFilter):
    """Blank request data, headers, settings and every local variable in every report, with DEBUG on or off."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_safe_settings(self) -> dict[str, object]:
        return {}

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, str]:
        return {}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, str]:
        return {}

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, object]:
        return {}

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: object) -> ItemsView[str, object]:
        return {}.items()
