// How a generator reads the passages of a prompt, and how they are marked in the text of a message.
#ifndef TANDEM_GENERATOR_PASSAGE_READING_H_
#define TANDEM_GENERATOR_PASSAGE_READING_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace tandem {

enum class PassageReading {
  // As one text: each token attends to all that stands before it.
  kTogether,
  // Each passage by itself (model/passage_kv.h). Only a generator that was fine-tuned for it
  // understands such a prompt; its file says so.
  kIndependent,
};

// Boolean metadata of a GGUF that was fine-tuned to read passages independently.
inline constexpr std::string_view kIndependentPassagesKey = "tandem.independent_passages";

// The borders of a passage inside the text of a message: noncharacters (Unicode 23.7), which chat
// templates pass on and no text that is meant for others contains. They become no tokens.
inline constexpr std::string_view kPassageBegin = "\uFDD0";
inline constexpr std::string_view kPassageEnd = "\uFDD1";

static_assert(kPassageBegin.size() == kPassageEnd.size());
inline constexpr std::size_t kPassageMarkBytes = kPassageBegin.size();

// Where the first of either stands; npos if there is none.
std::size_t find_passage_mark(std::string_view text);

// `text` without the marks, so that no document or user can set one.
std::string without_passage_marks(std::string_view text);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_PASSAGE_READING_H_
