import hmac
import hashlib
import json

def verify_webhook(payload_body, signature, secret):
    """Verify that a webhook came from CraftDesk."""
    expected_signature = hmac.new(
        secret.encode(),
        payload_body.encode(),
        hashlib.sha256
    ).hexdigest()
    return hmac.compare_digest(signature, expected_signature)
