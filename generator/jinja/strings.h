// What Python's str can do, on texts that keep their origin. Positions are bytes.
#ifndef TANDEM_GENERATOR_JINJA_STRINGS_H_
#define TANDEM_GENERATOR_JINJA_STRINGS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "generator/jinja/text.h"
#include "generator/jinja/value.h"

namespace tandem::jinja {

Text upper_case(const Text& text);
Text lower_case(const Text& text);
// First letter in title case, the rest lower.
Text capitalized(const Text& text);
// First letter of each word, as the filter `title` sees words, in upper case, the rest lower.
Text title_case(const Text& text);

// Null `characters` strips white space.
Text stripped(const Text& text, const Text* characters, bool left, bool right);

// A negative `limit` is none. A null `separator` splits at runs of white space and drops empty
// parts.
std::vector<Text> split(const Text& text, const Text* separator, std::int64_t limit,
                        bool from_right, Budget& budget);
std::vector<Text> split_lines(const Text& text, Budget& budget);

// A negative `limit` is none.
Text replace(const Text& text, const Text& old, const Text& replacement, std::int64_t limit,
             Budget& budget);

Text join(const Text& separator, const std::vector<Value>& items, Budget& budget);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_STRINGS_H_
