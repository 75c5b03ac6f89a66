"""Messages in the broker's folder are whole or absent.

Each test has a queue of its own name: kombu remembers for the whole process which queues it has declared.
"""

import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("queue", "control", "processed"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def connection(folder: Path) -> Iterator[Connection]:
    options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
        "processed_folder": str(folder / "processed"),
    }
    transport = "botaccounts.broker:Transport"
    with Connection("filesystem://localhost", transport=transport, transport_options=options) as connection:
        yield connection


def take(queue: SimpleQueue) -> Any:
    message = queue.get(timeout=5)
    message.ack()
    return message.decode()


def test_messages_arrive_once_and_in_order(connection: Connection) -> None:
    queue = connection.SimpleQueue("ordered")
    for number in range(5):
        queue.put({"id": number})
    assert [take(queue)["id"] for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(Empty):
        queue.get_nowait()


def test_a_message_without_its_content_is_dropped_and_the_next_one_arrives(
    connection: Connection, folder: Path
) -> None:
    queue = connection.SimpleQueue("torn")
    (folder / "queue" / "0_cut-short.torn.msg").write_bytes(b"")
    queue.put({"id": 1})
    assert take(queue) == {"id": 1}


def test_a_reader_never_sees_half_a_message(connection: Connection, folder: Path) -> None:
    torn: list[str] = []
    finished = threading.Event()

    def watch() -> None:
        while not finished.is_set():
            for path in (folder / "queue").glob("*.msg"):
                try:
                    json.loads(path.read_text())
                except ValueError as reason:
                    torn.append(str(reason))

    watcher = threading.Thread(target=watch)
    watcher.start()
    queue = connection.SimpleQueue("large")
    for _ in range(100):
        queue.put({"text": "x" * 100_000})
    finished.set()
    watcher.join()
    assert torn == []


def test_a_message_for_which_the_disk_has_no_room_leaves_nothing_behind(
    connection: Connection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(path: Path, text: str) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    queue = connection.SimpleQueue("crowded")
    monkeypatch.setattr(Path, "write_text", no_room)
    with pytest.raises(OSError, match="No space left"):
        queue.put({"id": 1})
    assert list((folder / "queue").iterdir()) == []


def test_a_table_of_an_exchange_that_was_cut_short_is_begun_anew(connection: Connection, folder: Path) -> None:
    (folder / "control" / "bare.exchange").write_bytes(b"")
    queue = connection.SimpleQueue("bare")
    queue.put({"id": 1})
    assert take(queue) == {"id": 1}
    assert json.loads((folder / "control" / "bare.exchange").read_text())


def test_what_is_sent_through_an_exchange_whose_table_was_cut_short_is_lost_and_no_error(
    connection: Connection, folder: Path
) -> None:
    (folder / "control" / "shouting.exchange").write_bytes(b"[[")
    assert connection.channel().get_table("shouting") == []
