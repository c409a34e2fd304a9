// Filters over the attributes of documents, in the shape of OpenAI's vector stores:
//
//   {"type": "eq", "key": "year", "value": 2020}
//   {"type": "in", "key": "language", "value": ["en", "fr"]}
//   {"type": "and", "filters": [FILTER, ...]}
//
// `type` is eq, ne, gt, gte, lt, lte, in, nin, and, or. What a comparison means:
// - Types never mix: a number is compared with numbers, a string with strings (by their bytes in
//   UTF-8, which is the order of code points), a boolean with booleans and only for equality.
// - `ne` and `nin` are exactly what `eq` and `in` are not. A document that lacks the attribute, or
//   has it with another type, therefore matches `ne` and `nin` and nothing else.
//
// Beside the attributes that were given to it, every document has "$id", "$source", "$title",
// "$media_type" (strings) and "$created_at" (seconds since 1970, a number). Names of given
// attributes cannot begin so (store/attributes.h).
#ifndef TANDEM_RETRIEVER_FILTER_H_
#define TANDEM_RETRIEVER_FILTER_H_

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "store/attributes.h"
#include "store/readers.h"

namespace tandem {

enum class FilterType {
  kEqual,
  kNotEqual,
  kGreater,
  kGreaterOrEqual,
  kLess,
  kLessOrEqual,
  kIn,
  kNotIn,
  kAnd,
  kOr
};

// A comparison of an attribute, or and/or of filters. Copied and compared as a value.
struct Filter {
  FilterType type = FilterType::kAnd;
  std::string key;                     // of a comparison
  std::vector<AttributeValue> values;  // one; for kIn and kNotIn any number; none for and/or
  std::vector<Filter> filters;         // of and/or; "and" of nothing is true, "or" false

  bool operator==(const Filter&) const = default;
};

inline constexpr int kMaxFilterDepth = 16;
// Comparisons, groups and values in lists, all together.
inline constexpr std::size_t kMaxFilterTerms = 10'000;
inline constexpr std::size_t kMaxFilterBytes = 1u << 20;  // of names and strings

// Throws kInvalidArgument naming what is wrong and where ("filters.filters[1].value"), `name` being
// what the caller calls the filter itself. Refused are unknown types and fields, empty groups, a
// built-in attribute that does not exist, and what goes beyond the limits above. Pure.
Filter parse_filter(const nlohmann::json& json, std::string_view name);
// Of a text that must be such JSON.
Filter parse_filter_text(std::string_view text, std::string_view name);

// Of what the attribute index knows about readers (store/readers.h): the documents that somebody
// who is all of `who` may see. Requests cannot ask for these attributes themselves.
inline constexpr char kRestrictedAttribute[] = "$restricted";
std::string reader_attribute(std::string_view reader);
Filter visible_to(const Readers& who);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_FILTER_H_
