<?php

/*
 * An endpoint that verifies what arrives, answers at once and leaves the work to another process. Needs nothing but PHP 8.
 *
 *   WEBHOOK_SECRET=whsec_… INBOX=/var/spool/webhooks php -S 127.0.0.1:4000 receive.php
 */

declare(strict_types=1);

require __DIR__ . '/verify.php';

/**
 * Stores the event for the process that works on it, and says whether it is new. In a real service: an insert into a
 * table with a unique key. Here: link() makes the name that comes from the event's id once, of a file that is complete.
 */
function store(string $inbox, string $id, string $body): bool
{
    $written = tempnam($inbox, 'new');
    if ($written === false || file_put_contents($written, $body) !== strlen($body)) {
        throw new RuntimeException('the inbox cannot be written');
    }
    $stored = $inbox . '/' . hash('sha256', $id) . '.json';
    $isNew = @link($written, $stored);
    unlink($written);
    if (!$isNew && !file_exists($stored)) {
        throw new RuntimeException('the inbox cannot be written');
    }
    return $isNew;
}

$secret = getenv('WEBHOOK_SECRET');
$inbox = getenv('INBOX');
// The bytes as they came: JSON that was decoded and encoded again is not what was signed.
$body = file_get_contents('php://input');
try {
    if ($secret === false || $inbox === false) {
        throw new RuntimeException('set WEBHOOK_SECRET to the webhook\'s secret and INBOX to a folder');
    }
    if (!verifyStandard($body, array_change_key_case(getallheaders()), $secret)) {
        http_response_code(401);
        return;
    }
    $event = json_decode($body, true, flags: JSON_THROW_ON_ERROR | JSON_BIGINT_AS_STRING);
    if (store($inbox, $event['id'], $body)) {
        error_log("{$event['event']} {$event['id']} is stored");
    }
    // 200, not 201 or 204. A repeat gets it too, or it would come again.
    http_response_code(200);
} catch (Throwable $error) {
    // Anything but 200 has the event sent again later.
    error_log($error->getMessage());
    http_response_code(500);
}
