<?php

declare(strict_types=1);

/** How old a request may be, in seconds. A retry is signed anew, so that this need not cover the retries. */
const TOLERANCE = 300;

/**
 * Standard Webhooks: webhook-signature covers the id, the time of the attempt and the body. Prefer this one.
 *
 * $body is the raw bytes; $headers has names in lower case, each with one text: array_change_key_case(getallheaders()).
 */
function verifyStandard(string $body, array $headers, string $secret, ?int $now = null): bool
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    if ($id === '' || preg_match('/\A[0-9]{1,15}\z/', $timestamp) !== 1) {
        return false;
    }
    if (abs(($now ?? time()) - (int) $timestamp) > TOLERANCE) {
        return false;
    }
    $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, strlen('whsec_')), true) : $secret;
    // With an empty key anybody could sign.
    if ($key === false || $key === '') {
        return false;
    }
    $wanted = 'v1,' . base64_encode(hash_hmac('sha256', "{$id}.{$timestamp}.{$body}", $key, true));
    // While a secret is being rotated there are two, one space between: one that fits is enough.
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $signature) {
        if (hash_equals($wanted, $signature)) {
            return true;
        }
    }
    return false;
}

/** x-webhook-signature covers the body alone. The key is the secret as it is written, whsec_ included. */
function verifyHex(string $body, ?string $signature, string $secret): bool
{
    return $secret !== '' && hash_equals(hash_hmac('sha256', $body, $secret), $signature ?? '');
}
