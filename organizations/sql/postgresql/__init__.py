"""Django's database backend for PostgreSQL, with a say in what is done to a connection that comes from the pool."""
