"""What the cache raises where it cannot be reached."""

from django.conf import settings


def cache_errors() -> tuple[type[Exception], ...]:
    """Nothing where the cache is the process's own memory.

    The library of Redis has 6 MB, more than any other but Django. A process without a Redis does not load it.
    """
    if not settings.REDIS_URL:
        return ()
    from redis.exceptions import RedisError

    return (RedisError,)
