"""Publishes one event and waits until it is stored.

    pip install nats-py
    export NATS_URL="$(node dist/main.js nats-url --publisher)"
    python publish.py ws_demo project.created '{"name":"Website Redesign"}'

A fourth argument is the event's id: publishing it twice delivers it once.
"""

import asyncio
import json
import os
import re
import sys
import time
import uuid
from datetime import datetime, timezone

import nats
from nats.errors import MaxPayloadError
from nats.js.errors import APIError

# What ends up in a subject. Anything else could be read as another subject, or as another command to the broker.
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_final(error):
    """Errors that no repetition mends: a size that is refused."""
    too_large = isinstance(error, APIError) and error.err_code == 10054  # over the stream's 1 MiB
    return too_large or isinstance(error, MaxPayloadError)


async def publish_event(jetstream, workspace, event_type, event_id, data, timestamp, patience=60.0):
    """Returns when the broker has acknowledged the event: from then on it is owed to every webhook that subscribes to it.

    Raises when that did not happen within `patience` seconds: the event may be stored all the same, so publish it again
    later with the same id.
    """
    tokens = [workspace, event_id, *event_type.split(".")]
    if len(tokens) != 4 or not all(TOKEN.fullmatch(text) for text in tokens):
        raise ValueError(f"not publishable: {workspace!r}, {event_type!r}, {event_id!r}")
    body = json.dumps({"id": event_id, "timestamp": timestamp, "data": data}).encode()
    # The workspace belongs into it: the broker compares this header across all workspaces.
    headers = {"Nats-Msg-Id": f"{workspace}/{event_id}"}
    deadline = time.monotonic() + patience
    wait = 0.25
    while True:
        try:
            return await jetstream.publish(f"events.{workspace}.{event_type}", body, timeout=5, headers=headers)
        except Exception as error:
            if is_final(error) or time.monotonic() + wait > deadline:
                raise
        await asyncio.sleep(wait)
        wait = min(wait * 2, 10)


async def report(error):
    print(f"nats: {error!r}", file=sys.stderr)


async def main(workspace, event_type, data, event_id=None):
    event_id = event_id or f"evt_{uuid.uuid4()}"
    # The time of the fact, not of its publication: made once, like the id, so that every try sends the same bytes.
    timestamp = datetime.now(timezone.utc).isoformat()
    connection = await nats.connect(os.environ["NATS_URL"], max_reconnect_attempts=-1, error_cb=report)
    stored = await publish_event(connection.jetstream(), workspace, event_type, event_id, json.loads(data), timestamp)
    where = "was stored before" if stored.duplicate else f"is stored as {stored.stream} {stored.seq}"
    print(f"{event_id} {where}")
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
