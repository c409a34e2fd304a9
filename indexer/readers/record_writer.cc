#include "indexer/readers/record_writer.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <utility>

namespace tandem {
namespace {

constexpr std::size_t kRowsToDecide = 8;
// Names are repeated with each row.
constexpr std::size_t kLongestNameBytes = 120;

std::string one_line(std::string_view words) {
  std::string line = clean_words(words);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

bool is_year(std::string_view text) {
  return text.size() == 4 && (text.starts_with("19") || text.starts_with("20")) &&
         std::isdigit(static_cast<unsigned char>(text[2])) != 0 &&
         std::isdigit(static_cast<unsigned char>(text[3])) != 0;
}

// Numbers, dates, amounts: what has no letters.
bool is_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 ||
           std::isalpha(static_cast<unsigned char>(c)) != 0;
  });
}

bool may_be_head(const std::vector<RecordCell>& row) {
  std::set<std::string_view> seen;
  std::size_t words = 0;
  std::size_t years = 0;
  for (const RecordCell& cell : row) {
    if (cell.text.size() > kLongestNameBytes || !seen.insert(cell.text).second) return false;
    if (!is_value(cell.text)) ++words;
    if (is_year(cell.text)) ++years;
  }
  // Years may be columns, and the column of row numbers may have one for a name.
  return row.size() >= 2 && words > 0 && (words + years) * 3 >= row.size() * 2;
}

}  // namespace

void RecordWriter::row(std::vector<RecordCell> cells) {
  for (RecordCell& cell : cells) cell.text = one_line(cell.text);
  std::erase_if(cells, [](const RecordCell& cell) { return cell.text.empty(); });
  if (cells.empty()) {
    finish();
  } else if (decided_) {
    write(cells);
  } else {
    waiting_.push_back(std::move(cells));
    if (waiting_.size() == kRowsToDecide) decide();
  }
}

void RecordWriter::finish() {
  if (!decided_) decide();
  decided_ = false;
  names_.clear();
  text_.end_paragraph();
}

void RecordWriter::decide() {
  decided_ = true;
  std::vector<Row> rows = std::exchange(waiting_, {});
  std::size_t head = rows.size();
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    std::size_t widest = 0;
    for (std::size_t below = i + 1; below < rows.size(); ++below) {
      widest = std::max(widest, rows[below].size());
    }
    if (may_be_head(rows[i]) && rows[i].size() * 10 >= widest * 6) {
      head = i;
      break;
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i != head) {
      write(rows[i]);
      continue;
    }
    for (RecordCell& cell : rows[i]) names_.emplace(cell.column, std::move(cell.text));
  }
}

void RecordWriter::write(const Row& row) {
  if (names_.empty()) {
    std::string line;
    for (const RecordCell& cell : row) {
      if (!line.empty()) line += " | ";
      line += cell.text;
    }
    text_.line(line);
    return;
  }
  text_.end_paragraph();
  for (const RecordCell& cell : row) {
    const auto name = names_.find(cell.column);
    text_.line(name == names_.end() ? cell.text : name->second + ": " + cell.text);
  }
}

}  // namespace tandem
