// Receiver.java: takes tongdai's events, knows that they are genuine, and handles each one once.

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import static java.nio.charset.StandardCharsets.UTF_8;

public class Receiver {
    private static final List<byte[]> KEYS = new ArrayList<>();
    private static final Set<String> SEEN = new HashSet<>(); // in real life: a table with a unique index on the webhook-id

    public static void main(String[] arguments) throws IOException {
        for (String line : Files.readAllLines(Path.of("secrets.txt"))) {
            KEYS.add(Base64.getDecoder().decode(line.substring("whsec_".length())));
        }
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
        server.createContext("/", Receiver::receive);
        server.start();
    }

    private static void receive(HttpExchange exchange) throws IOException {
        int status = 500;
        try {
            byte[] body = exchange.getRequestBody().readAllBytes(); // the bytes as they came: the signature is over these
            status = take(exchange.getRequestHeaders(), body) ? 204 : 401;
        } catch (GeneralSecurityException | RuntimeException problem) {
            problem.printStackTrace(); // the event comes again
        } finally {
            exchange.sendResponseHeaders(status, -1); // no body
            exchange.close();
        }
    }

    private static boolean take(Headers headers, byte[] body) throws GeneralSecurityException {
        String id = Objects.toString(headers.getFirst("webhook-id"), "");
        if (!isGenuine(headers, id, body)) {
            return false;
        }
        if (!SEEN.contains(id)) {
            handle(new String(body, UTF_8));
            SEEN.add(id);
        }
        return true;
    }

    private static boolean isGenuine(Headers headers, String id, byte[] body) throws GeneralSecurityException {
        String time = Objects.toString(headers.getFirst("webhook-timestamp"), "");
        String given = Objects.toString(headers.getFirst("webhook-signature"), "");
        for (byte[] key : KEYS) {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            mac.update((id + "." + time + ".").getBytes(UTF_8));
            String good = "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
            for (String one : given.split(" ")) {
                if (MessageDigest.isEqual(good.getBytes(UTF_8), one.getBytes(UTF_8))) {
                    return Math.abs(Instant.now().getEpochSecond() - Long.parseLong(time)) < 300;
                }
            }
        }
        return false;
    }

    private static void handle(String event) {
        System.out.printf("%s %s %s -> %s %s%n", text(event, "state"), text(event, "call_id"),
            text(event, "from_number"), text(event, "to_number"), text(event, "recording_url"));
    }

    /** The value of a plain key. In real life: a JSON library, such as Jackson. */
    private static String text(String event, String key) {
        Matcher found = Pattern.compile("\"" + key + "\":\\s*\"([^\"\\\\]*)\"").matcher(event);
        return found.find() ? found.group(1) : "";
    }
}
