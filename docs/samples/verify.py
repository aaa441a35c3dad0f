import base64
import hashlib
import hmac
import time

# How old a request may be, in seconds. A retry is signed anew, so that this need not cover the retries.
TOLERANCE = 300


def verify_standard(body, headers, secret, now=None):
    """Standard Webhooks: webhook-signature covers the id, the time of the attempt and the body. Prefer this one.

    `body` is the raw bytes; `headers` has a `get` that finds names in lower case, as Flask's and Django's do.
    """
    event_id = headers.get("webhook-id")
    timestamp = headers.get("webhook-timestamp")
    signatures = headers.get("webhook-signature")
    if event_id is None or timestamp is None or signatures is None or not timestamp.isdecimal():
        return False
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE:
        return False
    key = base64.b64decode(secret[len("whsec_"):]) if secret.startswith("whsec_") else secret.encode()
    signed = f"{event_id}.{timestamp}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # While a secret is being rotated there are two, one space between: one that fits is enough.
    return any(hmac.compare_digest(signature.encode(), wanted.encode()) for signature in signatures.split(" "))


def verify_hex(body, signature, secret):
    """x-webhook-signature covers the body alone. The key is the secret as it is written, whsec_ included."""
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return signature is not None and hmac.compare_digest(signature.encode(), wanted.encode())
