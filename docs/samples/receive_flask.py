"""An endpoint that verifies what arrives, answers at once and works afterwards.

    pip install flask
    WEBHOOK_SECRET=whsec_… PORT=4000 python receive_flask.py
"""

import json
import os
import queue
import threading

from flask import Flask, request

from verify import verify_standard

SECRET = os.environ["WEBHOOK_SECRET"]

app = Flask(__name__)
# An event has at most 512 KiB, and its envelope a little more.
app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024

# In a real service: a unique key in the database, and a job queue that outlives the process.
seen = set()
lock = threading.Lock()
jobs = queue.Queue()


def work():
    while True:
        event = jobs.get()
        print(event["event"], event["id"], json.dumps(event["data"]), flush=True)


@app.route("/webhooks/craftdesk", methods=["POST"])
def handle_webhook():
    # The bytes as they came: JSON that was parsed and written again is not what was signed.
    body = request.get_data()
    if not verify_standard(body, request.headers, SECRET):
        return "Unauthorized", 401
    event = json.loads(body)
    with lock:
        is_new = event["id"] not in seen
        seen.add(event["id"])
    if is_new:
        jobs.put(event)
    # 200, not 201 or 204. A repeat gets it too, or it would come again.
    return "OK", 200


if __name__ == "__main__":
    threading.Thread(target=work, daemon=True).start()
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "4000")))
