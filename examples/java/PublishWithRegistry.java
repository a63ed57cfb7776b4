import io.apicurio.registry.resolver.config.SchemaResolverConfig;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Publishes departures by way of a schema registry: each value is framed as Confluent's
 * serializers do, {@code 00}, four bytes of the schema's id, the body. The serializer is that of
 * Apicurio, which is what {@code labline up --registry} runs; it asks under
 * {@code <topic>-value}, as labline does.
 */
public final class PublishWithRegistry {
    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 5) {
            System.err.println("usage: PublishWithRegistry BOOTSTRAP REGISTRY TOPIC SCHEMA.avsc"
                + " EVENTS.jsonl");
            System.exit(2);
        }
        String topic = arguments[2];
        var schema = Events.schema(Path.of(arguments[3]));
        Map<String, Object> config = Map.of(
            ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0],
            ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class,
            ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, AvroKafkaSerializer.class,
            SchemaResolverConfig.REGISTRY_URL, arguments[1],
            // `labline schemas register` did that, after its checks: a publisher must not
            SchemaResolverConfig.AUTO_REGISTER_ARTIFACT, false,
            SchemaResolverConfig.CANONICALIZE, true); // the same schema, however it is laid out

        var failure = new AtomicReference<Exception>();
        long sent = 0;
        try (var producer = new KafkaProducer<String, GenericRecord>(config);
                var events = Events.read(Path.of(arguments[4]), schema)) {
            for (GenericRecord event : (Iterable<GenericRecord>) events::iterator) {
                var record = new ProducerRecord<>(topic, event.get("flight_key").toString(), event);
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
