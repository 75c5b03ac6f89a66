"""Plain SQL, for what is asked thousands of times: the ORM takes longer to write such a statement than to have it run.

`prepared` runs statements, `columns` makes rows of models of what they read, `recordset` writes several rows at once.
"""
