<?php
// receiver.php: takes tongdai's events, knows that they are genuine, and handles each one once.
// PHP forgets everything between two requests: what was seen is a file; in real life, a table with a unique index.

$keys = array_map(fn($line) => base64_decode(substr($line, 6)), file("secrets.txt", FILE_IGNORE_NEW_LINES));
if (!is_dir("seen")) {
    mkdir("seen");
}

function isGenuine(array $keys, string $id, string $time, string $given, string $body): bool
{
    foreach ($keys as $key) {
        $good = "v1," . base64_encode(hash_hmac("sha256", "$id.$time.$body", $key, true));
        foreach (explode(" ", $given) as $one) {
            if (hash_equals($good, $one)) {
                return abs(time() - (int) $time) < 300;
            }
        }
    }
    return false;
}

function handle(array $event): void
{
    $line = "{$event['state']} {$event['call_id']} {$event['from_number']} -> {$event['to_number']} {$event['recording_url']}";
    file_put_contents("php://stdout", "$line\n");
}

$body = file_get_contents("php://input"); // the bytes as they came: the signature is over these
$id = $_SERVER["HTTP_WEBHOOK_ID"] ?? "";
$time = $_SERVER["HTTP_WEBHOOK_TIMESTAMP"] ?? "";
if (!isGenuine($keys, $id, $time, $_SERVER["HTTP_WEBHOOK_SIGNATURE"] ?? "", $body)) {
    http_response_code(401);
    exit;
}
$seen = "seen/" . bin2hex($id);
if (!file_exists($seen)) {
    handle(json_decode($body, true, flags: JSON_THROW_ON_ERROR)); // if this throws, the event comes again
    touch($seen);
}
http_response_code(204);
