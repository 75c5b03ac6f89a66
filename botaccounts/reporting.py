"""What an error report may say: the exception's type, message and place, and nothing that anybody sent.

And what a line of the log may not: Django names the path of every request that it refuses, and the path of a consumer's
link or of an invitation is the link.
"""

import logging
import re
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


class WithoutLinks(logging.Filter):
    """Takes what is secret out of the path of a link that lets somebody in, and lets every record pass."""

    LINK = re.compile(r"(/consumer/|/accounts/invitation/[^/\s]+/)[A-Za-z0-9_-]{20,}")

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if self.LINK.search(said):
            record.msg, record.args = self.LINK.sub(r"\1[hidden]", said), ()
        return True
