#include "indexer/text_pieces.h"

#include <algorithm>
#include <string>

#include "base/segmentation.h"
#include "base/utf8.h"

namespace tandem {
namespace {

constexpr std::string_view kSpace = " \t\n";
// Sentences are looked for in windows of this many bytes.
constexpr std::size_t kWindowBytes = 64 << 10;

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// A line that starts something of its own: an item, a table row, a quotation, indented code.
bool starts_structure(std::string_view line) {
  if (line.empty()) return false;
  for (const std::string_view mark : {"  ", "\t", "- ", "* ", "+ ", "|", ">", "\u2022"}) {
    if (line.starts_with(mark)) return true;
  }
  const std::size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
  return digits > 0 && digits + 1 < line.size() && (line[digits] == '.' || line[digits] == ')') &&
         line[digits + 1] == ' ';
}

// Prose whose lines were broken at a margin, so that a line end says nothing about the sentence.
bool is_wrapped_prose(std::string_view paragraph) {
  constexpr std::size_t kShortestWrapped = 40;
  constexpr std::size_t kLongestWrapped = 400;
  std::size_t lines = 0;
  std::size_t wrapped = 0;
  std::size_t structured = 0;
  while (true) {
    const std::size_t end = paragraph.find('\n');
    const std::string_view line = paragraph.substr(0, end);
    if (starts_structure(line)) ++structured;
    if (end == std::string_view::npos) break;  // the last line may be short
    ++lines;
    if (line.size() >= kShortestWrapped && line.size() <= kLongestWrapped) ++wrapped;
    paragraph.remove_prefix(end + 1);
  }
  return lines > 0 && wrapped * 10 >= lines * 7 && structured * 4 <= lines;
}

class Splitter {
 public:
  Splitter(std::string_view text, const Tokenizer& tokenizer, const PieceLimits& limits)
      : text_(text), tokenizer_(tokenizer), limits_(limits) {}

  void add_section(std::size_t begin, std::size_t end) {
    while (begin < end) {
      std::size_t at = begin;
      std::size_t paragraph_end = end;
      while ((at = text_.find('\n', at)) < end) {
        const std::size_t next = std::min(text_.find_first_not_of(" \t", at + 1), end);
        if (next == end || text_[next] == '\n') {
          paragraph_end = at;
          break;
        }
        at = next;
      }
      add_paragraph(begin, paragraph_end);
      begin = paragraph_end + 1;
    }
  }

  std::vector<TextPiece> take() { return std::move(pieces_); }

 private:
  void add_paragraph(std::size_t begin, std::size_t end) {
    if (!trim(begin, end) || add_whole(begin, end, Border::kParagraph)) return;
    const std::size_t first = pieces_.size();
    const std::string_view paragraph = text_.substr(begin, end - begin);
    if (is_wrapped_prose(paragraph)) {
      add_prose(begin, end, Border::kSentence);
    } else {
      add_lines(begin, end);
    }
    if (first < pieces_.size()) pieces_[first].border = Border::kParagraph;
  }

  void add_lines(std::size_t begin, std::size_t end) {
    while (begin < end) {
      const std::size_t line_end = std::min(text_.find('\n', begin), end);
      std::size_t first = begin;
      std::size_t last = line_end;
      begin = line_end + 1;
      if (trim(first, last) && !add_whole(first, last, Border::kLine)) {
        add_prose(first, last, Border::kLine);
      }
    }
  }

  // `border` is what stands before the first sentence.
  void add_prose(std::size_t begin, std::size_t end, Border border) {
    while (begin < end) {
      const std::size_t window_end = end - begin <= kWindowBytes ? end : window_border(begin);
      std::string window(text_.substr(begin, window_end - begin));
      // To Unicode a line end ends a sentence.
      std::replace(window.begin(), window.end(), '\n', ' ');
      for (const TextSpan& sentence : split_sentences(window)) {
        std::size_t first = begin + sentence.begin;
        std::size_t last = begin + sentence.end;
        if (!trim(first, last)) continue;
        if (!add_whole(first, last, border)) add_words(first, last, border);
        border = Border::kSentence;
      }
      begin = window_end;
    }
  }

  void add_words(std::size_t begin, std::size_t end, Border border) {
    // Bytes for which the budget sufficed last time: the next cut will be near.
    std::size_t guess = limits_.max_bytes;
    while (trim(begin, end)) {
      std::size_t size = std::min({end - begin, limits_.max_bytes, guess});
      while (true) {
        const std::size_t cut = cut_near(begin, begin + size, end);
        const std::size_t tokens = count(begin, cut);
        const bool is_character = decode_utf8(text_.substr(begin)).size_bytes >= cut - begin;
        if (tokens <= limits_.max_tokens || is_character) {
          push(begin, cut, tokens, border);
          guess = std::max<std::size_t>(16, size + size / 4);
          begin = cut;
          break;
        }
        const std::size_t target = (cut - begin) * limits_.max_tokens / tokens;
        size = std::min(std::max<std::size_t>(target, 1), (cut - begin) - 1);
      }
      border = Border::kWord;
    }
  }

  // The best place to end a piece at or before `wanted`: white space, else a border between words
  // of a script without spaces, else between characters. Always after `begin`.
  std::size_t cut_near(std::size_t begin, std::size_t wanted, std::size_t end) const {
    if (wanted >= end) return end;
    while (wanted > begin && is_continuation(text_[wanted])) --wanted;
    if (wanted == begin) return begin + decode_utf8(text_.substr(begin)).size_bytes;
    const std::string_view window = text_.substr(begin, wanted - begin);
    const std::size_t space = window.find_last_of(kSpace);
    if (space != std::string_view::npos && space > 0) return begin + space;
    if (window.size() <= limits_.max_bytes) {
      const std::vector<TextSpan> words = split_words(window);
      if (words.size() > 1) return begin + words.back().begin;
    }
    return wanted;
  }

  // A place after `begin` where a window of sentences may end.
  std::size_t window_border(std::size_t begin) const {
    const std::size_t space = text_.substr(begin, kWindowBytes).find_last_of(kSpace);
    if (space != std::string_view::npos && space > 0) return begin + space + 1;
    std::size_t cut = begin + kWindowBytes;
    while (is_continuation(text_[cut])) --cut;
    return cut;
  }

  bool add_whole(std::size_t begin, std::size_t end, Border border) {
    if (end - begin > limits_.max_bytes) return false;
    const std::size_t tokens = count(begin, end);
    if (tokens > limits_.max_tokens) return false;
    push(begin, end, tokens, border);
    return true;
  }

  void push(std::size_t begin, std::size_t end, std::size_t tokens, Border border) {
    if (trim(begin, end)) pieces_.push_back({begin, end, tokens, border});
  }

  std::size_t count(std::size_t begin, std::size_t end) const {
    return tokenizer_.count(text_.substr(begin, end - begin));
  }

  // False if nothing is left.
  bool trim(std::size_t& begin, std::size_t& end) const {
    while (begin < end && kSpace.find(text_[begin]) != std::string_view::npos) ++begin;
    while (begin < end && kSpace.find(text_[end - 1]) != std::string_view::npos) --end;
    return begin < end;
  }

  std::string_view text_;
  const Tokenizer& tokenizer_;
  PieceLimits limits_;
  std::vector<TextPiece> pieces_;
};

}  // namespace

std::vector<TextPiece> split_pieces(std::string_view text, std::size_t begin, std::size_t end,
                                    const Tokenizer& tokenizer, const PieceLimits& limits) {
  Splitter splitter(text, tokenizer, limits);
  splitter.add_section(begin, std::min(end, text.size()));
  return splitter.take();
}

}  // namespace tandem
