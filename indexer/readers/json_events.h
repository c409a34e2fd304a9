// JSON as a stream of values, each with the place where it stands.
#ifndef TANDEM_INDEXER_READERS_JSON_EVENTS_H_
#define TANDEM_INDEXER_READERS_JSON_EVENTS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

// One open object or array.
struct JsonLevel {
  bool is_array = false;
  std::string key;  // of an object: that of the value which comes
};

class JsonHandler {
 public:
  virtual ~JsonHandler() = default;
  // `path` holds the levels around what comes, outermost first; it excludes the one that begins or
  // ends.
  virtual void begin(const std::vector<JsonLevel>& path, bool is_array) = 0;
  virtual void end(const std::vector<JsonLevel>& path, bool is_array) = 0;
  // Strings as they are, numbers as written, "true", "false", and nothing at all for null.
  virtual void value(const std::vector<JsonLevel>& path, std::string_view text) = 0;
};

inline constexpr std::size_t kMaxJsonDepth = 200;

// Hands one document to `handler`. False if it is not valid JSON or nests deeper than
// kMaxJsonDepth; what came before was handed over. Exceptions of the handler pass through.
bool walk_json(std::string_view text, JsonHandler& handler);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_JSON_EVENTS_H_
