// When a generator says that it has no answer.
#ifndef TANDEM_GENERATOR_ABSTENTION_H_
#define TANDEM_GENERATOR_ABSTENTION_H_

#include <string_view>

namespace tandem {

// What a generator is taught to say where the passages do not hold the answer.
inline constexpr std::string_view kAbstention = "I do not know.";

// Whether the whole answer says nothing else, in these or a few other words, whatever the case and
// punctuation; an answer without a word does too. "I do not know, but it may be 1973" is an answer.
// Safe from any thread.
bool is_abstention(std::string_view answer);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_ABSTENTION_H_
