// Paragraphs, list items and tables of a word processor or a slide, as text.
#ifndef TANDEM_INDEXER_READERS_DOCUMENT_WRITER_H_
#define TANDEM_INDEXER_READERS_DOCUMENT_WRITER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "indexer/readers/text_builder.h"

namespace tandem {

struct ParagraphStyle {
  int heading_level = 0;  // 0 if it is none
  int item_depth = 0;     // of a list item, 1 for the outermost; 0 if it is none
};

// Writes as the HTML reader does: items begin with "- ", the cells of a row are separated by " | ".
// A row whose cells hold much is a means of layout, and its paragraphs are written one by one.
// Tables may nest; an inner one becomes lines of the cell around it. Borrows `text`. Used by one
// thread.
class DocumentWriter {
 public:
  explicit DocumentWriter(TextBuilder& text) : text_(text) {}

  void paragraph(std::string words, const ParagraphStyle& style = {});
  void begin_page();

  void begin_table();
  void begin_row();
  void begin_cell();
  void end_row();
  void end_table();

 private:
  struct Paragraph {
    std::string words;
    ParagraphStyle style;
    int pages_before = 0;
  };
  using Cell = std::vector<Paragraph>;

  void write(const Paragraph& paragraph);

  TextBuilder& text_;
  std::vector<std::vector<Cell>> rows_;  // the current row of each open table
  int pending_pages_ = 0;                // begun inside a table
  bool in_list_ = false;
};

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_DOCUMENT_WRITER_H_
