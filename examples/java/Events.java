import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;

/** Events from a file of JSON lines, as Avro records of the workspace's schema. */
final class Events {
    private static final ObjectMapper JSON = new ObjectMapper(); // Avro brings Jackson along

    private Events() {}

    /** Reads a released version, {@code schemas/<subject>/v1.avsc}: the file is the contract. */
    static Schema schema(Path file) throws IOException {
        return new Schema.Parser().parse(file.toFile());
    }

    static Stream<GenericRecord> read(Path file, Schema schema) throws IOException {
        return Files.lines(file).filter(line -> !line.isBlank()).map(line -> parse(line, schema));
    }

    private static GenericRecord parse(String line, Schema schema) {
        try {
            JsonNode json = JSON.readTree(line);
            GenericRecord event = new GenericData.Record(schema);
            for (Schema.Field field : schema.getFields()) {
                event.put(field.pos(), value(json.path(field.name()), field.schema(), field.name()));
            }
            return event;
        } catch (IOException error) {
            throw new IllegalArgumentException("not JSON: " + line, error);
        }
    }

    /** Plain JSON says {@code 2.0} where Avro's own JSON says {@code {"double": 2.0}}. */
    private static Object value(JsonNode json, Schema schema, String name) {
        boolean fits = switch (schema.getType()) {
            case STRING -> json.isTextual();
            case INT -> json.canConvertToInt() && json.isIntegralNumber();
            case LONG -> json.canConvertToLong() && json.isIntegralNumber();
            case DOUBLE -> json.isNumber();
            case BOOLEAN -> json.isBoolean();
            case NULL -> json.isNull();
            default -> schema.isNullable(); // ["null", something]: all that events of flights have
        };
        if (!fits) {
            throw new IllegalArgumentException(name + " is missing, or no " + schema);
        }
        return switch (schema.getType()) {
            case STRING -> json.textValue();
            case INT -> json.intValue();
            case LONG -> json.longValue();
            case DOUBLE -> json.doubleValue();
            case BOOLEAN -> json.booleanValue();
            case NULL -> null;
            default -> json.isNull() ? null : value(json, something(schema), name);
        };
    }

    private static Schema something(Schema union) {
        return union.getTypes().stream()
            .filter(branch -> branch.getType() != Schema.Type.NULL).findFirst().orElseThrow();
    }
}
