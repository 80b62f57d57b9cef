"""A sender of webhooks that signs by PyPI's `standardwebhooks`, and somebody on the way who changes what it sends.

    deliverer.py '{"url", "deliveries": [{"secrets": [whsec_…], "id", "age", "body", "then": {…}}]}'

`age` is how many seconds ago the attempt was made, `then` what becomes of it after it was signed: `id`, `timestamp`, `signature` or `body` with
another value, `drop` a field, `twice` sends it once more. Prints one JSON line: [{"status", "code", "again"}].
"""

import datetime
import json
import sys
import urllib.error
import urllib.request

from standardwebhooks.webhooks import Webhook

PLAN = json.loads(sys.argv[1])


def send(headers, body):
    request = urllib.request.Request(PLAN["url"], data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return {"status": answer.status, "code": "ok"}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "code": json.loads(error.read()).get("code")}


def run(delivery):
    now = datetime.datetime.now(tz=datetime.timezone.utc) - datetime.timedelta(seconds=delivery.get("age", 0))
    body, then = delivery["body"], delivery.get("then", {})
    signed = [Webhook(secret).sign(delivery["id"], now, body) for secret in delivery["secrets"]]
    headers = {
        "Content-Type": "application/json",
        "webhook-id": then.get("id", delivery["id"]),
        "webhook-timestamp": then.get("timestamp", str(int(now.timestamp()))),
        "webhook-signature": then.get("signature", " ".join(signed)),
    }
    for name in then.get("drop", []):
        del headers[name]
    data = then.get("body", body).encode()
    ended = send(headers, data)
    if then.get("twice"):
        ended["again"] = send(headers, data)
    return ended


print(json.dumps([run(delivery) for delivery in PLAN["deliveries"]]))
