import base64
import hashlib
import hmac
import re
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
    if not event_id or not timestamp or not signatures or not re.fullmatch("[0-9]{1,15}", timestamp):
        return False
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE:
        return False
    key = key_of(secret)
    # With an empty key anybody could sign.
    if not key:
        return False
    signed = f"{event_id}.{timestamp}.".encode(errors="replace") + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # While a secret is being rotated there are two, one space between: one that fits is enough.
    given = signatures.encode(errors="replace").split(b" ")
    return any(hmac.compare_digest(signature, wanted.encode()) for signature in given)


def verify_hex(body, signature, secret):
    """x-webhook-signature covers the body alone. The key is the secret as it is written, whsec_ included."""
    if not signature or not secret:
        return False
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.encode(errors="replace"), wanted.encode())


def key_of(secret):
    """What whsec_ encodes, or the bytes of any other secret; empty if that is no base64."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret[len("whsec_"):], validate=True)
    except ValueError:
        return b""
