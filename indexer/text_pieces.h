// The smallest units that a passage is built from: paragraphs, or parts of those that are too long.
#ifndef TANDEM_INDEXER_TEXT_PIECES_H_
#define TANDEM_INDEXER_TEXT_PIECES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

// What stands before a piece, from the worst place to cut a text to the best.
enum class Border : std::uint8_t { kWord, kSentence, kLine, kParagraph };

// Bytes [begin, end) of a text, without white space at either end.
struct TextPiece {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t tokens = 0;
  Border border = Border::kParagraph;
};

struct PieceLimits {
  std::size_t max_tokens = 1;
  // Tokenizers turn endless words into one unknown token, and hostile texts must not be tokenised
  // whole only to learn that they are too long.
  std::size_t max_bytes = 16;
};

// Splits `text` [begin, end) at blank lines, and what passes the limits at lines (of code, lists
// and tables) or sentences (of prose), then at words, then at characters. The pieces come in order,
// cover all but white space and keep to both limits, except that a single character may pass them.
// Takes time linear in the size of the text. Safe from any thread.
std::vector<TextPiece> split_pieces(std::string_view text, std::size_t begin, std::size_t end,
                                    const Tokenizer& tokenizer, const PieceLimits& limits);

}  // namespace tandem

#endif  // TANDEM_INDEXER_TEXT_PIECES_H_
