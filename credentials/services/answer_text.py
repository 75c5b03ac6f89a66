"""The body of a resource's answer as text."""

import codecs
import re
from email.message import Message

import requests

MAX_CONTENT_TYPE = 500  # characters
TEXT_ENCODING = re.compile(
    r"ascii|utf-(8|16|32)(-[bl]e)?|iso8859-\d+|latin-1|cp\d+|koi8-[rtu]|big5|gb\w*|euc_\w+|shift_jis\w*"
)


def as_text(response: requests.Response) -> str:
    """The body as text, by the charset that the answer names, and UTF-8 otherwise. What is no text is replaced.

    No guessing: it takes seconds for a megabyte. Only encodings of texts: others can be made to take long as well.
    """
    header = Message()
    # Cut: the library takes ten seconds for 64 kB of semicolons.
    said = response.headers.get("Content-Type", "")[:MAX_CONTENT_TYPE]
    header["Content-Type"] = said.replace("\r", " ").replace("\n", " ")
    try:
        encoding = codecs.lookup(str(header.get_content_charset("utf-8"))).name
    except (LookupError, ValueError):
        encoding = "utf-8"
    if not TEXT_ENCODING.fullmatch(encoding):
        encoding = "utf-8"
    return response.content.decode(encoding, "replace").removeprefix("\ufeff")
