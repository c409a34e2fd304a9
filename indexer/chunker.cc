#include "indexer/chunker.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "indexer/text_pieces.h"
#include "retriever/passage_text.h"

namespace tandem {
namespace {

// No passage has more bytes than this for each token it may have; see PieceLimits::max_bytes.
constexpr std::size_t kBytesPerToken = 16;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

// Letters, digits and everything beyond ASCII; rules of "----" and "====" have none.
bool has_words(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 ||
           std::isalnum(static_cast<unsigned char>(c)) != 0;
  });
}

std::string collapse(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!is_space(c)) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// The longest beginning of `text` that has at most `max_tokens`.
std::string cut_to_tokens(std::string_view text, std::size_t max_tokens,
                          const Tokenizer& tokenizer) {
  text = text.substr(0, complete_utf8_prefix(text.substr(0, max_tokens * kBytesPerToken)));
  while (!text.empty()) {
    const std::size_t tokens = tokenizer.count(text);
    if (tokens <= max_tokens) break;
    const std::size_t shorter = std::min(text.size() * max_tokens / tokens, text.size() - 1);
    text = text.substr(0, complete_utf8_prefix(text.substr(0, shorter)));
  }
  return std::string(text);
}

// A stretch of the text below one heading.
struct Section {
  std::size_t begin = 0;  // bytes
  std::size_t end = 0;
  std::size_t body_begin = 0;             // after the heading
  std::vector<std::string> heading_path;  // outermost first
};

std::vector<Section> find_sections(const SourceText& source) {
  const std::string_view text = source.text;
  std::vector<Section> sections{{}};
  std::vector<std::pair<int, std::string>> open;
  for (const Heading& heading : source.headings) {
    if (heading.begin >= heading.end || heading.end > text.size()) continue;
    // The marks of Markdown before a heading belong to it.
    const std::size_t line =
        heading.begin == 0 ? std::string_view::npos : text.rfind('\n', heading.begin - 1);
    const std::size_t begin = line == std::string_view::npos ? 0 : line + 1;
    if (begin < sections.back().body_begin) continue;
    while (!open.empty() && open.back().first >= heading.level) open.pop_back();
    open.emplace_back(heading.level,
                      collapse(text.substr(heading.begin, heading.end - heading.begin)));
    Section section{begin, text.size(), heading.end, {}};
    for (const auto& [level, words] : open) section.heading_path.push_back(words);
    // A heading without text of its own goes with the section that follows it: alone it would be a
    // passage that answers nothing.
    Section& before = sections.back();
    if (!has_words(text.substr(before.body_begin, begin - before.body_begin))) {
      section.begin = before.begin;
      sections.back() = std::move(section);
    } else {
      before.end = begin;
      sections.push_back(std::move(section));
    }
  }
  sections.back().end = text.size();
  return sections;
}

struct PieceRange {
  std::size_t first = 0;
  std::size_t last = 0;  // one past
};

// Groups the pieces of a section to passages of at most `max_tokens`.
class Packer {
 public:
  Packer(std::string_view text, const std::vector<TextPiece>& pieces, std::size_t max_tokens)
      : text_(text), pieces_(pieces), max_tokens_(max_tokens) {}

  std::vector<PieceRange> pack() {
    std::vector<PieceRange> ranges;
    std::size_t first = 0;
    while (first < pieces_.size()) {
      const std::size_t full = fill(first);
      const std::size_t last = full == pieces_.size() ? full : best_border(first, full);
      ranges.push_back({first, last});
      first = last;
    }
    join_crumbs(ranges);
    balance_tail(ranges);
    return ranges;
  }

 private:
  std::size_t tokens(std::size_t first, std::size_t last) const {
    std::size_t sum = 0;
    for (std::size_t i = first; i < last; ++i) sum += pieces_[i].tokens;
    return sum;
  }

  bool fits(std::size_t first, std::size_t last) const {
    return tokens(first, last) <= max_tokens_ &&
           pieces_[last - 1].end - pieces_[first].begin <= max_tokens_ * kBytesPerToken;
  }

  // As many pieces as fit, at least one.
  std::size_t fill(std::size_t first) const {
    std::size_t sum = pieces_[first].tokens;
    std::size_t last = first + 1;
    while (last < pieces_.size() && sum + pieces_[last].tokens <= max_tokens_ &&
           pieces_[last].end - pieces_[first].begin <= max_tokens_ * kBytesPerToken) {
      sum += pieces_[last++].tokens;
    }
    return last;
  }

  // How well the text may be cut before piece `i`.
  int quality(std::size_t i) const {
    return introduces(pieces_[i - 1]) ? 0 : static_cast<int>(pieces_[i].border);
  }

  // "as follows:", or a short line without an end that stands alone, such as a term before its
  // definition: both should stay with what follows.
  bool introduces(const TextPiece& piece) const {
    constexpr std::size_t kLongestTermBytes = 80;
    const char last = text_[piece.end - 1];
    if (last == ':') return true;
    return piece.border == Border::kParagraph && piece.end - piece.begin <= kLongestTermBytes &&
           text_[piece.begin] != '-' &&
           std::string_view(".;|").find(last) == std::string_view::npos;
  }

  // The best border that leaves the passage reasonably full; the last of equals.
  std::size_t best_border(std::size_t first, std::size_t full) const {
    std::size_t best = full;
    std::size_t sum = tokens(first, full);
    for (std::size_t last = full; last > first; --last) {
      if (last < full) sum -= pieces_[last].tokens;
      if (sum * 10 < max_tokens_ * 6) break;
      if (quality(last) > quality(best)) best = last;
    }
    return best;
  }

  // A few words left alone because what follows them is long go back to the passage before.
  void join_crumbs(std::vector<PieceRange>& ranges) const {
    std::size_t kept = 0;
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      const bool is_crumb = tokens(ranges[i].first, ranges[i].last) * 5 < max_tokens_;
      if (is_crumb && fits(ranges[kept].first, ranges[i].last)) {
        ranges[kept].last = ranges[i].last;
      } else {
        ranges[++kept] = ranges[i];
      }
    }
    if (!ranges.empty()) ranges.resize(kept + 1);
  }

  // A passage of a few words at the end of a section is joined with the one before, or takes some
  // of its text over.
  void balance_tail(std::vector<PieceRange>& ranges) const {
    if (ranges.size() < 2) return;
    const std::size_t first = ranges[ranges.size() - 2].first;
    const std::size_t end = ranges.back().last;
    if (tokens(ranges.back().first, end) * 4 >= max_tokens_) return;
    if (fits(first, end)) {
      ranges.pop_back();
      ranges.back().last = end;
      return;
    }
    const std::size_t total = tokens(first, end);
    std::size_t best = ranges.back().first;
    std::size_t best_cost = SIZE_MAX;
    std::size_t left = 0;
    for (std::size_t i = first + 1; i < end; ++i) {
      left += pieces_[i - 1].tokens;
      const std::size_t right = total - left;
      if (!fits(first, i) || !fits(i, end)) continue;
      // A better border is worth a tenth of the text in balance.
      const std::size_t cost = (left > right ? left - right : right - left) +
                               static_cast<std::size_t>(3 - quality(i)) * total / 10;
      if (cost < best_cost) {
        best_cost = cost;
        best = i;
      }
    }
    ranges[ranges.size() - 2].last = best;
    ranges.back().first = best;
  }

  std::string_view text_;
  const std::vector<TextPiece>& pieces_;
  std::size_t max_tokens_;
};

// Counts code points and pages along a text whose places are asked for in order.
class Places {
 public:
  explicit Places(const SourceText& source) : source_(source) {}

  std::uint64_t code_points(std::size_t byte) {
    code_points_ += count_code_points(std::string_view(source_.text).substr(byte_, byte - byte_));
    byte_ = byte;
    return code_points_;
  }

  std::uint32_t page(std::size_t byte) const {
    const auto& starts = source_.page_starts;
    return static_cast<std::uint32_t>(std::upper_bound(starts.begin(), starts.end(), byte) -
                                      starts.begin());
  }

 private:
  const SourceText& source_;
  std::size_t byte_ = 0;
  std::uint64_t code_points_ = 0;
};

class Chunker {
 public:
  Chunker(const SourceText& source, const Tokenizer& tokenizer, const ChunkOptions& options)
      : source_(source),
        text_(source.text),
        tokenizer_(tokenizer),
        max_tokens_(std::max<std::size_t>(options.max_tokens, 1)),
        places_(source) {
    title_ = embedding_title(source.title, tokenizer, options);
  }

  std::vector<Passage> run() {
    for (const Section& section : find_sections(source_)) add_section(section);
    return std::move(passages_);
  }

 private:
  void add_section(const Section& section) {
    heading_path_ = fit_path(section.heading_path);
    Passage sample;
    sample.title = title_;
    sample.heading_path = heading_path_;
    const std::size_t prefix = tokenizer_.count(embedding_text(sample));
    const std::size_t budget = max_tokens_ > prefix ? max_tokens_ - prefix : 1;
    // Room for the headings, so that the first piece below them fits beside them.
    std::size_t headings = 0;
    if (section.body_begin - section.begin <= budget * kBytesPerToken) {
      headings = tokenizer_.count(text_.substr(section.begin, section.body_begin - section.begin));
    }
    const std::size_t room = 2 * headings <= budget ? budget - headings : budget;
    const std::vector<TextPiece> pieces =
        split_pieces(text_, section.begin, section.end, tokenizer_,
                     {.max_tokens = room, .max_bytes = budget * kBytesPerToken});
    for (const PieceRange& range : Packer(text_, pieces, budget).pack()) {
      emit(pieces[range.first].begin, pieces[range.last - 1].end);
    }
  }

  // At most a quarter of the tokens go to title and headings; the innermost headings say most.
  std::string fit_path(const std::vector<std::string>& headings) const {
    const std::size_t title_tokens = tokenizer_.count(title_);
    const std::size_t taken = title_tokens + tokenizer_.count(kHeadingSeparator);
    const std::size_t room = std::max<std::size_t>(max_tokens_ / 4, 1);
    const std::size_t max_tokens = room > taken ? room - taken : 0;
    std::string path;
    for (std::size_t i = headings.size(); i-- > 0;) {
      if (headings[i].size() > max_tokens * kBytesPerToken && !path.empty()) break;
      const std::string longer =
          path.empty() ? headings[i] : headings[i] + std::string(kHeadingSeparator) + path;
      if (!path.empty() && tokenizer_.count(longer) > max_tokens) break;
      path = path.empty() ? cut_to_tokens(longer, max_tokens, tokenizer_) : longer;
    }
    return path;
  }

  // Adds [begin, end) as a passage. The sum over its pieces is not always the count of the whole
  // (tokenizers may treat a border as a letter); where it turns out too long it is halved.
  void emit(std::size_t begin, std::size_t end) {
    while (begin < end && is_space(text_[begin])) ++begin;
    while (begin < end && is_space(text_[end - 1])) --end;
    if (begin == end) return;
    Passage passage;
    passage.title = title_;
    passage.heading_path = heading_path_;
    passage.text = text_.substr(begin, end - begin);
    const bool is_character = decode_utf8(passage.text).size_bytes == passage.text.size();
    if (!is_character && tokenizer_.count(embedding_text(passage)) > max_tokens_) {
      const std::size_t middle = middle_of(begin, end);
      emit(begin, middle);
      emit(middle, end);
      return;
    }
    passage.ordinal = static_cast<std::uint32_t>(passages_.size());
    passage.page = places_.page(begin);
    passage.begin = places_.code_points(begin);
    passage.end = places_.code_points(end);
    passages_.push_back(std::move(passage));
  }

  // A place to halve a text, strictly inside it: the white space nearest before the middle unless
  // that lies in the first quarter.
  std::size_t middle_of(std::size_t begin, std::size_t end) const {
    std::size_t middle = begin + (end - begin) / 2;
    while (middle > begin && (static_cast<unsigned char>(text_[middle]) & 0xC0) == 0x80) --middle;
    const std::string_view half = text_.substr(begin, middle - begin);
    const std::size_t space = half.find_last_of(" \t\n");
    if (space != std::string_view::npos && space > half.size() / 2) return begin + space;
    return middle > begin ? middle : begin + decode_utf8(text_.substr(begin)).size_bytes;
  }

  const SourceText& source_;
  std::string_view text_;
  const Tokenizer& tokenizer_;
  std::size_t max_tokens_;
  Places places_;
  std::string title_;
  std::string heading_path_;  // of the current section
  std::vector<Passage> passages_;
};

}  // namespace

ChunkOptions chunk_options(const Encoder& encoder, std::size_t max_tokens) {
  const Tokenizer& tokenizer = encoder.tokenizer();
  const std::size_t control = tokenizer.prefix().size() + tokenizer.suffix().size();
  const auto longest = static_cast<std::size_t>(encoder.max_tokens());
  TANDEM_CHECK(longest > control);
  ChunkOptions options;
  if (max_tokens > 0) options.max_tokens = max_tokens;
  options.max_tokens = std::min(options.max_tokens, longest - control);
  return options;
}

std::string embedding_title(std::string_view title, const Tokenizer& tokenizer,
                            const ChunkOptions& options) {
  return cut_to_tokens(collapse(title), options.max_tokens / 8, tokenizer);
}

std::vector<Passage> chunk(const SourceText& source, const Tokenizer& tokenizer,
                           const ChunkOptions& options) {
  return Chunker(source, tokenizer, options).run();
}

}  // namespace tandem
