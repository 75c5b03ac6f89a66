"""One use case, one function: it checks, changes and writes the audit entry in one transaction.

Pages, the API, commands and tasks all come through here.
"""
