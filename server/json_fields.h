// Reading JSON that nobody vouches for: limits while parsing, and fields with messages that name
// them. Pure; safe from any thread.
#ifndef TANDEM_SERVER_JSON_FIELDS_H_
#define TANDEM_SERVER_JSON_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "retriever/filter.h"
#include "retriever/retriever.h"
#include "store/attributes.h"
#include "store/readers.h"

namespace tandem {

inline constexpr std::int64_t kMaxReranked = 1000;
// OpenAI's limits on what clients may note on an object.
inline constexpr std::size_t kMaxMetadata = 16;
inline constexpr std::size_t kMaxMetadataName = 64;  // code points, as the next one
inline constexpr std::size_t kMaxMetadataValue = 512;
inline constexpr int kMaxJsonDepth = 64;
// A value takes at least 16 bytes in memory for as little as two in the text.
inline constexpr std::size_t kMaxJsonValues = 1'000'000;

using Metadata = std::map<std::string, std::string>;

// Throws RequestError (400) for what is not JSON (RFC 8259, in UTF-8), is no object, nests deeper
// than kMaxJsonDepth or has more than kMaxJsonValues values. The text is never repeated in a
// message.
nlohmann::json parse_json_object(std::string_view text);

// An object whose fields are read one by one; fields that nobody asks for are ignored, as OpenAI
// does. An absent field and null are the same. Every getter throws RequestError (400), whose
// message and param name the field by its path ("messages[2].role"). Borrows the object.
class Fields {
 public:
  // Throws if `object` is none. `path` is empty for the body itself.
  explicit Fields(const nlohmann::json& object, std::string path = {});

  std::optional<std::string> text(std::string_view name) const;
  // Whole numbers; 3.0 counts as 3.
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t low,
                                      std::int64_t high) const;
  std::optional<double> number(std::string_view name, double low, double high) const;
  std::optional<bool> boolean(std::string_view name) const;
  std::optional<Fields> object(std::string_view name) const;
  // Null if absent; throws if it is there and no array, or has more than `max_size` elements.
  const nlohmann::json* array(std::string_view name, std::size_t max_size) const;
  // Text that is a collection's name.
  std::optional<std::string> collection(std::string_view name) const;
  // A filter over attributes, in OpenAI's shape (retriever/filter.h).
  std::optional<Filter> filter(std::string_view name) const;
  // How many passages of a search a reranker scores again: a number, true for as many as are usual,
  // or false. 0 if absent.
  std::size_t reranked(std::string_view name) const;
  // Who may see a document: an array of names (store/readers.h).
  std::optional<Readers> readers(std::string_view name) const;
  // Attributes of a document: an object of strings, numbers and booleans.
  std::optional<Attributes> attributes(std::string_view name) const;
  // An object of strings within the limits above.
  std::optional<Metadata> metadata(std::string_view name) const;
  // Text that names one of `choices`.
  template <class Value>
  std::optional<Value> choice(std::string_view name,
                              const std::map<std::string, Value>& choices) const {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto found = choices.find(*value);
    if (found != choices.end()) return found->second;
    std::string known;
    for (const auto& [choice, meaning] : choices) known += (known.empty() ? "" : ", ") + choice;
    fail(name, "must be one of: " + known + ".");
  }
  // Null if absent.
  const nlohmann::json* find(std::string_view name) const;
  // Whether it is there, if only as null, for requests in which that takes something away.
  bool has(std::string_view name) const { return object_->contains(name); }

  std::string path_of(std::string_view name) const;
  // Throws the error "'PATH' PROBLEM".
  [[noreturn]] void fail(std::string_view name, std::string_view problem) const;

 private:
  // What parse(value, path) makes of the field, an Error of which becomes one that names it.
  template <typename Parse>
  auto parsed(std::string_view name, const Parse& parse) const;

  const nlohmann::json* object_;
  std::string path_;
};

// "messages[3]", of the path of an array.
std::string path_of_element(std::string_view array, std::size_t i);

// "a string", "an array", … for messages about wrong types.
std::string_view describe_type(const nlohmann::json& value);

}  // namespace tandem

#endif  // TANDEM_SERVER_JSON_FIELDS_H_
