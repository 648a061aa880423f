"""Sends requests as existing integrations do, with nothing but the standard library.

Reads a JSON list of {"method", "path", "body", "follow"} from stdin, sends one after the other
to the API under argv[1], and follows each accepted task (unless "follow" is false): polls it
until SUCCESS, FAILURE or ERRORED.
Prints one JSON list of {"status", "message", "data", "states", "result"}.
"""

import json
import sys
import time
import urllib.error
import urllib.request

FINAL_STATES = ("SUCCESS", "FAILURE", "ERRORED")
POLL_SECONDS = 0.05
GIVE_UP_SECONDS = 45


def main() -> None:
    base = sys.argv[1].rstrip("/")
    json.dump([follow(base, **step) for step in json.load(sys.stdin)], sys.stdout)


def follow(base: str, method: str, path: str, body: object = None, follow: bool = True) -> dict:
    status, answer = send(base + path, method, body)
    seen: dict = {"status": status, "message": answer.get("message"), "data": answer.get("data"), "states": []}
    if status != 202 or not follow:
        return {**seen, "detail": answer.get("detail")}
    task = f"{base}/api/v1/task/?task_id={answer['data']['task_id']}"
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        _, answer = send(task, "GET", None)
        state = answer["data"]["state"]
        if state not in seen["states"]:
            seen["states"].append(state)
        if state in FINAL_STATES:
            return {**seen, "result": answer["data"].get("result")}
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"{method} {path}: the task did not end, states were {seen['states']}")


def send(url: str, method: str, body: object) -> tuple[int, dict]:
    content = None if body is None else json.dumps(body).encode()
    headers = {} if content is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=content, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


if __name__ == "__main__":
    main()
