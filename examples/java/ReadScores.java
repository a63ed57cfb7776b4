import java.io.File;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads a line's scores from the beginning to the end, and prints each as JSON.
 *
 * <p>A line answers each event exactly once, in transactions. A reader sees that only with
 * {@code isolation.level=read_committed}; Java's default is {@code read_uncommitted}, which also
 * gives what transactions wrote that were aborted: answers that the line took back, and gave again.
 * Name it as the last argument to see them.
 */
public final class ReadScores {
    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 3 || arguments.length > 4) {
            System.err.println("usage: ReadScores BOOTSTRAP TOPIC SCHEMA.avsc [ISOLATION]");
            System.exit(2);
        }
        String isolation = arguments.length == 4 ? arguments[3] : "read_committed";
        Schema schema = new Schema.Parser().parse(new File(arguments[2]));
        // A later version of the schema would be told to it by `addSchema`, as one more writer's.
        var decoder = new BinaryMessageDecoder<GenericRecord>(GenericData.get(), schema);
        Map<String, Object> config = Map.of(
            ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0],
            ConsumerConfig.ISOLATION_LEVEL_CONFIG, isolation,
            ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);

        long scores = 0;
        long again = 0;
        Map<TopicPartition, Long> answered = new HashMap<>(); // per source, its last offset so far
        try (var consumer = new KafkaConsumer<>(
                config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            // A service would `subscribe` with a group of its own instead, and never end.
            var partitions = consumer.partitionsFor(arguments[1]).stream()
                .map(found -> new TopicPartition(found.topic(), found.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            var ends = consumer.endOffsets(partitions); // of what this isolation level may see
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    GenericRecord score = decoder.decode(record.value());
                    System.out.println(score);
                    scores++;
                    // Which event a score answers: topic, partition and offset say it exactly.
                    var source = new TopicPartition(
                        score.get("topic").toString(), (Integer) score.get("partition"));
                    long offset = (Long) score.get("offset");
                    long last = Optional.ofNullable(answered.get(source)).orElse(-1L);
                    again += offset <= last ? 1 : 0;
                    answered.put(source, Math.max(offset, last));
                }
            }
        }
        System.err.println(isolation + ": " + scores + " scores, " + again
            + " of them of events that had one already");
    }
}
