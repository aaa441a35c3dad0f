package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How old a request may be, in seconds. A retry is signed anew, so that this need not cover the retries.
const tolerance = 300

// VerifyStandard checks Standard Webhooks: webhook-signature covers the id, the time of the attempt and the body, which
// is the raw bytes. Prefer this one.
func VerifyStandard(body []byte, headers http.Header, secret string, now time.Time) bool {
	id, timestamp := headers.Get("webhook-id"), headers.Get("webhook-timestamp")
	seconds, err := strconv.ParseUint(timestamp, 10, 63)
	if id == "" || err != nil {
		return false
	}
	if age := now.Unix() - int64(seconds); age > tolerance || age < -tolerance {
		return false
	}
	key := []byte(secret)
	if encoded, found := strings.CutPrefix(secret, "whsec_"); found {
		key, err = base64.StdEncoding.DecodeString(encoded)
	}
	// With an empty key anybody could sign.
	if err != nil || len(key) == 0 {
		return false
	}
	wanted := "v1," + base64.StdEncoding.EncodeToString(sign(key, []byte(id+"."+timestamp+"."), body))
	// While a secret is being rotated there are two, one space between: one that fits is enough.
	for _, signature := range strings.Split(headers.Get("webhook-signature"), " ") {
		if hmac.Equal([]byte(signature), []byte(wanted)) {
			return true
		}
	}
	return false
}

// VerifyHex checks x-webhook-signature, which covers the body alone. The key is the secret as it is written, whsec_
// included.
func VerifyHex(body []byte, signature, secret string) bool {
	wanted := hex.EncodeToString(sign([]byte(secret), body))
	return secret != "" && hmac.Equal([]byte(signature), []byte(wanted))
}

func sign(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}
