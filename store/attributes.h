// Typed attributes of a document: what its owner says about it, and filters select by.
#ifndef TANDEM_STORE_ATTRIBUTES_H_
#define TANDEM_STORE_ATTRIBUTES_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace tandem {

// Numbers are doubles, as in JSON for most of its readers: whole ones are exact up to 2^53.
using AttributeValue = std::variant<bool, double, std::string>;
using Attributes = std::map<std::string, AttributeValue, std::less<>>;

// OpenAI's limits on the attributes of a file in a vector store.
inline constexpr std::size_t kMaxAttributes = 16;
inline constexpr std::size_t kMaxAttributeNameCharacters = 64;
inline constexpr std::size_t kMaxAttributeCharacters = 512;

// Names that begin so are those of what every document has by itself (retriever/filter.h).
inline constexpr char kBuiltInAttributeMark = '$';

// Throws kInvalidArgument, naming the attribute, for more than these limits (in code points), an
// empty name or one with kBuiltInAttributeMark before it, text that is not UTF-8, and numbers that
// are not finite. Pure.
void check_attributes(const Attributes& attributes);

}  // namespace tandem

#endif  // TANDEM_STORE_ATTRIBUTES_H_
