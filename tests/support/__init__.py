"""People and servers that tests share."""
