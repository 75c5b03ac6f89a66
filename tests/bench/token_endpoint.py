"""A token endpoint that takes its time and little of the processor: `python -m tests.bench.token_endpoint 50`.

Milliseconds; one thread and one `asyncio` loop; prints its port. Every POST is answered with other tokens.
"""

import asyncio
import itertools
import json
import sys

_numbers = itertools.count(1)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read one request, wait, answer, close."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        await reader.readexactly(length)
        await asyncio.sleep(float(sys.argv[1]) / 1000)
        number = next(_numbers)
        tokens = {
            "access_token": f"at-{number}-{'a' * 40}",
            "refresh_token": f"rt-{number}-{'r' * 40}",
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        body = json.dumps(tokens).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
            + body
        )
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=500)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
