"""The folder on disk that carries messages where there is no Redis: kombu's, with messages that are whole or absent.

kombu writes a message in place, and a reader that looks in between finds half of it and ends its worker. The database
sweep makes up for a message that is lost; nothing makes up for a worker that is gone.
"""

import json
import logging
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import filesystem

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Messages appear by a rename, and one that cannot be read is dropped."""

    def _put(  # type: ignore[override]  # the stubs of kombu disagree with themselves
        self, queue: str, payload: dict[str, Any], **kwargs: Any
    ) -> None:
        folder = Path(self.data_folder_out)
        # The reader takes them in the order of their names.
        name = f"{time.monotonic_ns()}_{uuid.uuid4()}"
        scratch = folder / f"{name}.part"
        try:
            scratch.write_text(json.dumps(payload))
            scratch.replace(folder / f"{name}.{queue}.msg")
        except OSError:
            # A full disk: what is left of it would take an inode for ever, and each try leaves another.
            scratch.unlink(missing_ok=True)
            raise

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        while True:  # until a message can be read, or Empty ends it
            try:
                return super()._get(queue)
            except ValueError:
                # A power cut can leave a file without its content.
                logger.warning("A message of the queue %s could not be read and was dropped.", queue)

    def get_table(self, exchange: str) -> Any:
        try:
            return super().get_table(exchange)
        except ValueError:
            return []  # see `_queue_bind`

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        """A table that was cut short when it was first written, by a full disk or a kill, is begun anew.

        Otherwise no worker would ever start again. What others had in it they enter when they start.
        """
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)
        except ValueError:
            logger.warning("The table of the exchange %s could not be read and is begun anew.", exchange)
            self._exchange_file(exchange).unlink(missing_ok=True)  # type: ignore[attr-defined]
            super()._queue_bind(exchange, routing_key, pattern, queue)


class Transport(filesystem.Transport):
    """Set as CELERY_BROKER_TRANSPORT."""

    Channel = Channel
