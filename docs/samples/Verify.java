import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.function.UnaryOperator;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

final class Verify {
    /** How old a request may be, in seconds. A retry is signed anew, so that this need not cover the retries. */
    private static final long TOLERANCE = 300;

    private Verify() {}

    /**
     * Standard Webhooks: webhook-signature covers the id, the time of the attempt and the body, which is the raw bytes.
     * {@code headers} finds a header or null: {@code request::getHeader} of a servlet. Prefer this one.
     */
    static boolean verifyStandard(byte[] body, UnaryOperator<String> headers, String secret, Instant now) {
        String id = headers.apply("webhook-id");
        String timestamp = headers.apply("webhook-timestamp");
        String signatures = headers.apply("webhook-signature");
        if (id == null || id.isEmpty() || timestamp == null || signatures == null) return false;
        if (!timestamp.matches("[0-9]{1,15}")) return false;
        if (Math.abs(now.getEpochSecond() - Long.parseLong(timestamp)) > TOLERANCE) return false;
        byte[] key = keyOf(secret);
        // With an empty key anybody could sign.
        if (key.length == 0) return false;
        byte[] signed = hmac(key, (id + "." + timestamp + ".").getBytes(UTF_8), body);
        byte[] wanted = ("v1," + Base64.getEncoder().encodeToString(signed)).getBytes(UTF_8);
        // While a secret is being rotated there are two, one space between: one that fits is enough.
        for (String signature : signatures.split(" ")) {
            if (MessageDigest.isEqual(signature.getBytes(UTF_8), wanted)) return true;
        }
        return false;
    }

    /** x-webhook-signature covers the body alone. The key is the secret as it is written, whsec_ included. */
    static boolean verifyHex(byte[] body, String signature, String secret) {
        if (signature == null || secret.isEmpty()) return false;
        String wanted = HexFormat.of().formatHex(hmac(secret.getBytes(UTF_8), body));
        return MessageDigest.isEqual(signature.getBytes(UTF_8), wanted.getBytes(UTF_8));
    }

    /** What whsec_ encodes, or the bytes of any other secret; empty if that is no base64. */
    private static byte[] keyOf(String secret) {
        if (!secret.startsWith("whsec_")) return secret.getBytes(UTF_8);
        try {
            return Base64.getDecoder().decode(secret.substring("whsec_".length()));
        } catch (IllegalArgumentException noBase64) {
            return new byte[0];
        }
    }

    private static byte[] hmac(byte[] key, byte[]... parts) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            for (byte[] part : parts) mac.update(part);
            return mac.doFinal();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("every Java platform has HmacSHA256", impossible);
        }
    }
}
