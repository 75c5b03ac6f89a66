"""Rows with secrets, without them."""

from organizations.admin_pages import ReadOnlyAdmin


class UnsealedAdmin(ReadOnlyAdmin):
    """Shows what it names. A sealed field is never named: not even its envelope is of use to anybody."""

    show_full_result_count = False
