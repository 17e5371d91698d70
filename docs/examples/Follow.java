import java.io.FileReader;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Acts on a vault's events in a consumer group: several of these share the partitions, and each goes on where the
 * group has committed.
 *
 * java -cp 'kafka-clients.jar:slf4j-api.jar' Follow.java BOOTSTRAP GROUP TOPIC [CONFIG] [EVENTS]
 *
 * CONFIG is the data folder's kcat.conf. With EVENTS it ends after so many.
 */
public class Follow {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("group.id", args[1]);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        if (args.length > 3) {
            login(settings, args[3]);
        }
        long left = args.length > 4 ? Long.parseLong(args[4]) : Long.MAX_VALUE;
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(args[2]));
            while (left > 0) {
                var records = consumer.poll(Duration.ofSeconds(1));
                for (var record : records) {
                    act(record.partition(), record.offset(), record.key(), record.value());
                    left--;
                }
                // After acting, not before: an event may come twice, but none is lost.
                consumer.commitSync();
            }
        }
    }

    /** Must bear the same event twice: remember the id of what was done. */
    static void act(int partition, long offset, String subject, String cloudEvent) {
        System.out.println(partition + "/" + offset + " " + subject + " " + cloudEvent);
    }

    static void login(Properties settings, String file) throws Exception {
        Properties config = new Properties();
        try (FileReader reader = new FileReader(file)) {
            config.load(reader);
        }
        settings.put("security.protocol", config.getProperty("security.protocol"));
        settings.put("sasl.mechanism", config.getProperty("sasl.mechanisms"));
        settings.put(
                "sasl.jaas.config",
                String.format(
                        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";",
                        config.getProperty("sasl.username"), config.getProperty("sasl.password")));
    }
}
