// The masks of the schemas that were asked for lately.
//
// Clients send the same few schemas with every request. What was found out about one is worth
// keeping from one request to the next, within bounds.
#ifndef TANDEM_GENERATOR_GRAMMAR_MASK_LIBRARY_H_
#define TANDEM_GENERATOR_GRAMMAR_MASK_LIBRARY_H_

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "generator/grammar/token_masks.h"

namespace tandem {

// One for each model. Safe from any thread.
class MaskLibrary {
 public:
  // Keeps `max_schemas` >= 1, the least recently asked for falls out first; each may remember up to
  // `max_bytes` of masks. Sequences in progress keep what they use.
  explicit MaskLibrary(std::shared_ptr<const TokenVocabulary> vocabulary,
                       std::size_t max_schemas = 32, std::size_t max_bytes = std::size_t{8} << 20);

  // Throws as Grammar::parse_json_schema does; a schema that is refused is not remembered.
  std::shared_ptr<const TokenMasks> of_schema(std::string_view text);
  std::shared_ptr<const TokenMasks> of_any_object();

  std::size_t size() const;

 private:
  struct Entry {
    std::string schema;  // empty for any object, which no schema's text is
    std::shared_ptr<const TokenMasks> masks;
  };
  std::shared_ptr<const TokenMasks> find(std::string_view schema);

  const std::shared_ptr<const TokenVocabulary> vocabulary_;
  const std::size_t max_schemas_;
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;                                                    // the latest first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_schema_;  // keys in entries_
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_GRAMMAR_MASK_LIBRARY_H_
