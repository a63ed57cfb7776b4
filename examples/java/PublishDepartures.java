import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Publishes departures without a schema registry: each value is one of Avro's single objects,
 * {@code C3 01}, the schema's fingerprint, the body. labline knows its own schemas by fingerprint.
 */
public final class PublishDepartures {
    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 4) {
            System.err.println("usage: PublishDepartures BOOTSTRAP TOPIC SCHEMA.avsc EVENTS.jsonl");
            System.exit(2);
        }
        String topic = arguments[1];
        var schema = Events.schema(Path.of(arguments[2]));
        var encoder = new BinaryMessageEncoder<GenericRecord>(GenericData.get(), schema);
        // Java's defaults are right: acks=all, idempotent, and a key's partition by murmur2,
        // as labline's Publisher places it. Leave `partitioner.class` alone.
        Map<String, Object> config = Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);

        var failure = new AtomicReference<Exception>();
        long sent = 0;
        try (var producer =
                    new KafkaProducer<>(config, new StringSerializer(), new ByteArraySerializer());
                var events = Events.read(Path.of(arguments[3]), schema)) {
            for (GenericRecord event : (Iterable<GenericRecord>) events::iterator) {
                // The key decides the partition, and so which learner sees the event: use the
                // field that the topic's declaration names.
                String key = event.get("flight_key").toString();
                byte[] value = encoder.encode(event).array();
                var record = new ProducerRecord<>(topic, key, value);
                record.headers().add("ce_source", "java".getBytes(StandardCharsets.UTF_8));
                producer.send(record, (place, error) -> failure.compareAndSet(null, error));
                sent++;
            }
        } // closing waits until every record is acknowledged or has failed
        if (failure.get() != null) {
            System.err.println("not everything was acknowledged: " + failure.get());
            System.exit(1);
        }
        System.out.println("published " + sent + " records");
    }
}
