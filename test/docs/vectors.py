import json
import sys

sys.path.insert(0, sys.argv[1])
from verify import verify_hex, verify_standard

with open(sys.argv[2], encoding="utf-8") as file:
    vectors = json.load(file)
print(json.dumps([{
    "standard": verify_standard(one["body"].encode(), one["headers"], one["secret"], one["now"]),
    "hex": verify_hex(one["body"].encode(), one["headers"].get("x-webhook-signature"), one["secret"]),
} for one in vectors]))
