#include "generator/grammar/mask_library.h"

#include <utility>

#include "base/error.h"

namespace tandem {

MaskLibrary::MaskLibrary(std::shared_ptr<const TokenVocabulary> vocabulary, std::size_t max_schemas,
                         std::size_t max_bytes)
    : vocabulary_(std::move(vocabulary)), max_schemas_(max_schemas), max_bytes_(max_bytes) {
  TANDEM_CHECK(max_schemas_ > 0);
}

std::shared_ptr<const TokenMasks> MaskLibrary::of_schema(std::string_view text) {
  // An empty text is no schema: it would be found as the one of any object.
  if (text.empty()) throw Error(ErrorCode::kInvalidArgument, "the schema is empty");
  return find(text);
}

std::shared_ptr<const TokenMasks> MaskLibrary::of_any_object() {
  return find({});
}

std::shared_ptr<const TokenMasks> MaskLibrary::find(std::string_view schema) {
  {
    const std::lock_guard guard(mutex_);
    if (const auto found = by_schema_.find(schema); found != by_schema_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return entries_.front().masks;
    }
  }
  // Without the lock: a large schema takes a while, and other requests need not wait for it.
  auto masks = std::make_shared<const TokenMasks>(
      schema.empty() ? Grammar::any_json_object() : Grammar::parse_json_schema(schema), vocabulary_,
      max_bytes_);
  const std::lock_guard guard(mutex_);
  if (const auto found = by_schema_.find(schema); found != by_schema_.end())
    return found->second->masks;
  entries_.push_front({std::string(schema), masks});
  by_schema_.emplace(entries_.front().schema, entries_.begin());
  if (entries_.size() > max_schemas_) {
    by_schema_.erase(entries_.back().schema);
    entries_.pop_back();
  }
  return masks;
}

std::size_t MaskLibrary::size() const {
  const std::lock_guard guard(mutex_);
  return entries_.size();
}

}  // namespace tandem
