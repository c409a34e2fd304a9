#include "indexer/readers/document_writer.h"

#include <algorithm>
#include <utility>

namespace tandem {
namespace {

constexpr std::string_view kCellBorder = " | ";
constexpr std::size_t kMostParagraphsOfCell = 3;
constexpr std::size_t kMostCells = 1024;  // what would be later ones adds to the last

std::string one_line(std::string_view words) {
  std::string line = clean_words(words);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

void DocumentWriter::paragraph(std::string words, const ParagraphStyle& style) {
  // Empty cells and paragraphs are not kept: a document may hold any number of them.
  if (words.empty()) return;
  Paragraph paragraph{std::move(words), style, std::exchange(pending_pages_, 0)};
  if (rows_.empty()) {
    write(paragraph);
    return;
  }
  std::vector<Cell>& row = rows_.back();
  if (row.empty()) row.emplace_back();  // text beside the cells of a damaged table
  row.back().push_back(std::move(paragraph));
}

void DocumentWriter::begin_page() {
  ++pending_pages_;
}

void DocumentWriter::write(const Paragraph& paragraph) {
  for (int i = 0; i < paragraph.pages_before; ++i) text_.begin_page();
  const ParagraphStyle& style = paragraph.style;
  if (style.heading_level > 0) {
    in_list_ = false;
    text_.heading(paragraph.words, style.heading_level);
  } else if (style.item_depth > 0) {
    if (!std::exchange(in_list_, true)) text_.end_paragraph();
    const std::string words = one_line(paragraph.words);
    if (words.empty()) return;
    text_.item(words, style.item_depth);
  } else {
    in_list_ = false;
    text_.paragraph(paragraph.words);
  }
}

void DocumentWriter::begin_table() {
  if (rows_.empty()) text_.end_paragraph();
  in_list_ = false;
  rows_.emplace_back();
}

void DocumentWriter::begin_row() {
  if (!rows_.empty()) rows_.back().clear();
}

void DocumentWriter::begin_cell() {
  if (!rows_.empty() && rows_.back().size() < kMostCells) rows_.back().emplace_back();
}

void DocumentWriter::end_row() {
  if (rows_.empty()) return;
  const std::vector<Cell> row = std::exchange(rows_.back(), {});
  const bool is_layout =
      row.size() == 1 || std::any_of(row.begin(), row.end(), [](const Cell& cell) {
        return cell.size() > kMostParagraphsOfCell ||
               std::any_of(cell.begin(), cell.end(),
                           [](const Paragraph& p) { return p.style.heading_level > 0; });
      });
  const bool is_inner = rows_.size() > 1;
  if (is_layout && !is_inner) {
    for (const Cell& cell : row) {
      for (const Paragraph& paragraph : cell) write(paragraph);
    }
    return;
  }
  std::string line;
  int pages_before = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += kCellBorder;
    for (const Paragraph& paragraph : row[i]) {
      pages_before += paragraph.pages_before;
      const std::string words = one_line(paragraph.words);
      if (!words.empty() && !line.empty() && line.back() != ' ') line.push_back(' ');
      line += words;
    }
  }
  if (line.find_first_not_of(" |") == std::string::npos) {
    pending_pages_ += pages_before;
  } else if (is_inner) {
    std::vector<Cell>& outer = rows_[rows_.size() - 2];
    if (outer.empty()) outer.emplace_back();
    outer.back().push_back({std::move(line), {}, pages_before});
  } else {
    for (int i = 0; i < pages_before; ++i) text_.begin_page();
    text_.line(line);
  }
}

void DocumentWriter::end_table() {
  if (rows_.empty()) return;
  end_row();  // of a damaged table
  rows_.pop_back();
  if (rows_.empty()) text_.end_paragraph();
}

}  // namespace tandem
