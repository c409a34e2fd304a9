// The rows of a table as records: "column: value" lines, a blank line between rows.
#ifndef TANDEM_INDEXER_READERS_RECORD_WRITER_H_
#define TANDEM_INDEXER_READERS_RECORD_WRITER_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "indexer/readers/text_builder.h"

namespace tandem {

struct RecordCell {
  std::size_t column = 0;
  std::string text;
};

// More columns than this no spreadsheet program can hold.
inline constexpr std::size_t kMaxColumns = 16'384;

// A passage of such text says of each value what it is, wherever it was cut. The names are those of
// the first row that looks like a head of columns; what stands above it, and every row of a table
// without one, becomes a line of cells separated by " | ". Borrows `text`. Used by one thread.
class RecordWriter {
 public:
  explicit RecordWriter(TextBuilder& text) : text_(text) {}

  // The cells that are not empty, by growing column. A row without any ends the table.
  void row(std::vector<RecordCell> cells);
  // Ends the table; the next row begins another.
  void finish();

 private:
  using Row = std::vector<RecordCell>;

  void decide();
  void write(const Row& row);

  TextBuilder& text_;
  std::vector<Row> waiting_;  // until it is decided which of them is the head
  bool decided_ = false;
  std::map<std::size_t, std::string> names_;  // of columns; empty for a table without a head
};

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_RECORD_WRITER_H_
