import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Java reads no JSON by itself. So a vector is a line here: secret, time, body, then name and value of each header, each
 * in base64 and with a comma between.
 */
final class Vectors {
    public static void main(String[] args) throws IOException {
        List<String> answers = new ArrayList<>();
        var lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] fields = line.split(",", -1);
            for (int at = 0; at < fields.length; at++) fields[at] = new String(Base64.getDecoder().decode(fields[at]), UTF_8);
            Map<String, String> headers = new HashMap<>();
            for (int at = 3; at < fields.length; at += 2) headers.put(fields[at], fields[at + 1]);
            String secret = fields[0];
            Instant now = Instant.ofEpochSecond(Long.parseLong(fields[1]));
            byte[] body = fields[2].getBytes(UTF_8);
            boolean standard = Verify.verifyStandard(body, headers::get, secret, now);
            boolean hex = Verify.verifyHex(body, headers.get("x-webhook-signature"), secret);
            answers.add("{\"standard\":" + standard + ",\"hex\":" + hex + "}");
        }
        System.out.println("[" + String.join(",", answers) + "]");
    }
}
