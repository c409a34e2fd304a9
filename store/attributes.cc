#include "store/attributes.h"

#include <cmath>

#include "base/error.h"
#include "base/utf8.h"

namespace tandem {
namespace {

[[noreturn]] void refuse(const std::string& message, const std::string& advice) {
  throw Error(ErrorCode::kInvalidArgument, message, advice);
}

void check_name(const std::string& name) {
  if (!is_valid_utf8(name)) refuse("the name of an attribute is not UTF-8", "send it as UTF-8");
  const std::string limit = std::to_string(kMaxAttributeNameCharacters);
  if (name.empty() || count_code_points(name) > kMaxAttributeNameCharacters) {
    refuse("the name of an attribute has no character or more than " + limit,
           "use 1 to " + limit + " characters");
  }
  if (name.front() == kBuiltInAttributeMark) {
    refuse("no attribute may be named '" + name + "'",
           "names that begin with '$' are those of what every document has");
  }
}

void check_value(const std::string& name, const AttributeValue& value) {
  if (const auto* number = std::get_if<double>(&value); number && !std::isfinite(*number)) {
    refuse("the attribute '" + name + "' is not a finite number", "leave it out");
  }
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return;
  if (!is_valid_utf8(*text)) {
    refuse("the attribute '" + name + "' is not UTF-8", "send it as UTF-8");
  }
  if (count_code_points(*text) > kMaxAttributeCharacters) {
    refuse("the attribute '" + name + "' has more than " + std::to_string(kMaxAttributeCharacters) +
               " characters",
           "shorten it: attributes are to select by, the text is what is searched");
  }
}

}  // namespace

void check_attributes(const Attributes& attributes) {
  if (attributes.size() > kMaxAttributes) {
    refuse("a document cannot have " + std::to_string(attributes.size()) + " attributes",
           "give it at most " + std::to_string(kMaxAttributes));
  }
  for (const auto& [name, value] : attributes) {
    check_name(name);
    check_value(name, value);
  }
}

}  // namespace tandem
