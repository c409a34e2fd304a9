// What a passage is found by, the same for vectors and for words.
#ifndef TANDEM_RETRIEVER_PASSAGE_TEXT_H_
#define TANDEM_RETRIEVER_PASSAGE_TEXT_H_

#include <string>
#include <string_view>

#include "store/store.h"

namespace tandem {

// Between the headings of Passage::heading_path.
inline constexpr std::string_view kHeadingSeparator = " > ";

// "Title > Heading > Section": where in its document a passage stands, as prompts and people see
// it.
std::string title_with_headings(std::string_view title, std::string_view heading_path);

// The passage's title and heading path, so that a passage that says "it" still says what it is
// about, then its text. What the text's first lines say themselves is left out of the first part.
// Safe from any thread.
std::string embedding_text(const Passage& passage);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_PASSAGE_TEXT_H_
