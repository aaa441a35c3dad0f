<?php

declare(strict_types=1);

[, $sample, $vectors] = $argv;
require $sample;

// A warning is an answer that the sample should not give.
set_error_handler(fn (int $level, string $message) => throw new ErrorException($message));
$answers = array_map(fn (array $one) => [
    'standard' => verifyStandard($one['body'], $one['headers'], $one['secret'], $one['now']),
    'hex' => verifyHex($one['body'], $one['headers']['x-webhook-signature'] ?? null, $one['secret']),
], json_decode(file_get_contents($vectors), true, flags: JSON_THROW_ON_ERROR));
echo json_encode($answers);
