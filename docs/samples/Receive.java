import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;

/**
 * An endpoint that verifies what arrives, answers at once and works afterwards. Needs nothing but Java 17.
 *
 * <pre>
 *   javac -d classes Receive.java Verify.java
 *   WEBHOOK_SECRET=whsec_… PORT=4000 java -cp classes Receive
 * </pre>
 */
final class Receive {
    private record Event(String id, String body) {}

    /** An event has at most 512 KiB, and its envelope a little more. */
    private static final int LIMIT = 1024 * 1024;

    /** In a real service: a unique key in the database, and a job queue that outlives the process. */
    private static final Set<String> seen = ConcurrentHashMap.newKeySet();
    private static final BlockingQueue<Event> jobs = new ArrayBlockingQueue<>(1000);

    private Receive() {}

    private static int answer(HttpExchange exchange, String secret) throws IOException {
        // The bytes as they came: JSON that was parsed and written again is not what was signed.
        byte[] body = exchange.getRequestBody().readNBytes(LIMIT + 1);
        if (body.length > LIMIT) return 413;
        var headers = exchange.getRequestHeaders();
        if (!Verify.verifyStandard(body, headers::getFirst, secret, Instant.now())) return 401;
        // The header is signed too, and is the same text as the body's id.
        String id = headers.getFirst("webhook-id");
        if (seen.add(id) && !jobs.offer(new Event(id, new String(body, UTF_8)))) {
            seen.remove(id);
            // Anything but 200 has the event sent again later.
            return 503;
        }
        // 200, not 201 or 204. A repeat gets it too, or it would come again.
        return 200;
    }

    private static void work() {
        try {
            while (true) {
                Event event = jobs.take();
                System.out.println(event.id() + " " + event.body());
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    public static void main(String[] args) throws IOException {
        String secret = System.getenv().getOrDefault("WEBHOOK_SECRET", "");
        if (secret.isEmpty()) throw new IllegalArgumentException("set WEBHOOK_SECRET to the webhook's secret");
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "4000"));
        Thread worker = new Thread(Receive::work);
        worker.setDaemon(true);
        worker.start();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        // Without this one slow request holds up all the others.
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/webhooks/craftdesk", exchange -> {
            try (exchange) {
                exchange.sendResponseHeaders(answer(exchange, secret), -1);
            }
        });
        server.start();
        System.out.println("listening on http://127.0.0.1:" + server.getAddress().getPort() + "/webhooks/craftdesk");
    }
}
