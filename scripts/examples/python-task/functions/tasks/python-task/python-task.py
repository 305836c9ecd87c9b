"""The smallest task in another language: Python's standard library and nothing else.

Into a running npm start, from the repository's root:

    cp -r scripts/examples/python-task/* .

That is this file, its Service (its `command` starts it, from the root) and its Trigger. For a cluster it wants an image, dev.local/python-task:

    FROM python:3.14-slim
    WORKDIR /app
    COPY functions/tasks/python-task functions/tasks/python-task
"""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def handle(event_id, form, fields):
    """The task's work. The event comes at least once: what is done has to be idempotent on its id."""
    print(json.dumps({"level": "info", "msg": "seen", "id": event_id, "form": form, "fields": len(fields)}), flush=True)


class Task(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5  # seconds that a connection may be idle

    def do_POST(self):
        # A CloudEvent in binary mode: attributes are headers, the data are the body.
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            handle(self.headers["ce-id"], self.headers["ce-form"], json.loads(body))
            status = 204  # done
        except OSError:
            status = 503  # something it needs is down: again later
        except Exception as error:
            print(json.dumps({"level": "error", "msg": repr(error), "id": self.headers["ce-id"]}), flush=True)
            status = 400  # it will never work: a dead letter
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for what is under way


server = Server((os.environ.get("HOST", ""), int(os.environ.get("PORT", "8080"))), Task)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
