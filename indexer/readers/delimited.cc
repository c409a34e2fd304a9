#include "indexer/readers/delimited.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "indexer/readers/decode.h"
#include "indexer/readers/record_writer.h"
#include "indexer/readers/text_builder.h"

namespace tandem {
namespace {

constexpr std::size_t kSniffedRows = 50;
// A quotation that goes on for longer than this was never meant to begin.
constexpr std::size_t kLongestQuotedBytes = 256u << 10;

// Walks the rows of a table.
class Rows {
 public:
  Rows(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {}

  // The cells of the next row, or nothing at the end. A row has at most kMaxColumns + 1 cells.
  std::optional<std::vector<std::string>> next() {
    if (at_ >= text_.size()) return std::nullopt;
    std::vector<std::string> cells;
    while (true) {
      std::string cell = next_cell();
      if (cells.size() <= kMaxColumns) cells.push_back(std::move(cell));
      if (at_ >= text_.size()) return cells;
      if (text_[at_++] == '\n') return cells;
    }
  }

 private:
  // Leaves `at_` at the delimiter or line end after the cell.
  std::string next_cell() {
    std::string cell;
    if (at_ < text_.size() && text_[at_] == '"') {
      if (auto quoted = next_quoted()) cell = *std::move(quoted);
    }
    const char ends[] = {delimiter_, '\n'};
    const std::size_t end =
        std::min(text_.find_first_of(std::string_view(ends, 2), at_), text_.size());
    cell += text_.substr(at_, end - at_);
    at_ = end;
    return cell;
  }

  // Nothing, and `at_` as it was, where the quotation mark is part of the text: 27" is one too.
  std::optional<std::string> next_quoted() {
    std::string cell;
    std::size_t at = at_ + 1;
    while (cell.size() < kLongestQuotedBytes) {
      const std::size_t quote = text_.find('"', at);
      if (quote == std::string_view::npos || quote - at > kLongestQuotedBytes) return std::nullopt;
      cell += text_.substr(at, quote - at);
      at = quote + 1;
      if (at < text_.size() && text_[at] == '"') {
        cell.push_back('"');
        ++at;
        continue;
      }
      if (at < text_.size() && text_[at] != delimiter_ && text_[at] != '\n') return std::nullopt;
      at_ = at;
      return cell;
    }
    return std::nullopt;
  }

  std::string_view text_;
  char delimiter_;
  std::size_t at_ = 0;
};

bool is_blank(const std::vector<std::string>& cells) {
  return std::all_of(cells.begin(), cells.end(), [](const std::string& cell) {
    return cell.find_first_not_of(" \t") == std::string::npos;
  });
}

// How well a delimiter fits the first rows: how many of them have the commonest number of cells,
// which must be two at least; 0 if fewer than half have.
std::size_t fitness(std::string_view text, char delimiter) {
  Rows rows(text, delimiter);
  std::map<std::size_t, std::size_t> counts;
  std::size_t seen = 0;
  while (seen < kSniffedRows) {
    const auto cells = rows.next();
    if (!cells) break;
    if (is_blank(*cells)) continue;
    if (cells->size() > kMaxColumns) return 0;
    ++counts[cells->size()];
    ++seen;
  }
  std::size_t best = 0;
  for (const auto& [size, count] : counts) {
    // Of two delimiters that fit alike the one that makes more cells is meant.
    if (size >= 2 && count * 2 > seen) best = count * 1000 + std::min<std::size_t>(size, 999);
  }
  return best;
}

char find_delimiter(std::string_view text) {
  char found = '\0';
  std::size_t best = 0;
  for (const char delimiter : {',', ';', '\t', '|'}) {
    const std::size_t fits = fitness(text, delimiter);
    if (fits > best) {
      best = fits;
      found = delimiter;
    }
  }
  return found;
}

// False if a row has too many columns.
bool write_rows(std::string_view text, char delimiter, TextBuilder& builder) {
  Rows rows(text, delimiter);
  RecordWriter records(builder);
  while (auto cells = rows.next()) {
    if (cells->size() > kMaxColumns) return false;
    if (is_blank(*cells)) continue;
    std::vector<RecordCell> row;
    for (std::size_t i = 0; i < cells->size(); ++i) {
      if (!(*cells)[i].empty()) row.push_back({i, std::move((*cells)[i])});
    }
    records.row(std::move(row));
  }
  records.finish();
  return true;
}

}  // namespace

SourceText read_delimited(std::string_view bytes, std::string_view name, bool is_tsv) {
  const std::string_view media_type = is_tsv ? "text/tab-separated-values" : "text/csv";
  SourceText source;
  source.media_type = media_type;
  source.text = normalize_lines(decode_text(bytes));
  const char delimiter = is_tsv ? '\t' : find_delimiter(source.text);
  TextBuilder builder(name);
  if (delimiter == '\0' || !write_rows(source.text, delimiter, builder)) return source;
  return builder.take(media_type);
}

}  // namespace tandem
