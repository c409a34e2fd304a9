#include "indexer/readers/ipynb.h"

#include <string>
#include <utility>
#include <vector>

#include "indexer/readers/decode.h"
#include "indexer/readers/json_events.h"
#include "indexer/readers/json_text.h"
#include "indexer/readers/markdown.h"
#include "indexer/readers/text_builder.h"

namespace tandem {
namespace {

// Of one cell; logs and tables go on for long and say little.
constexpr std::size_t kLongestResultBytes = 16u << 10;

// Gathers the members of a cell, which come in any order, and writes it when it ends.
class Cells : public JsonHandler {
 public:
  explicit Cells(TextBuilder& text) : text_(text) {}

  std::string title;
  bool has_cells = false;

  void begin(const std::vector<JsonLevel>& path, bool is_array) override {
    if (is_array || cell_depth_ > 0 || !is_cell(path)) return;
    has_cells = true;
    cell_depth_ = path.size();
    type_.clear();
    source_.clear();
    result_.clear();
  }

  void end(const std::vector<JsonLevel>& path, bool) override {
    if (cell_depth_ == 0 || path.size() != cell_depth_) return;
    cell_depth_ = 0;
    write();
  }

  void value(const std::vector<JsonLevel>& path, std::string_view text) override {
    if (cell_depth_ == 0) return;
    const std::string place = place_of(path);
    if (place == "cell_type") {
      type_ = text;
    } else if (place == "source" || place == "input") {
      source_ += text;
    } else if (place == "outputs.text" || place == "outputs.data.text/plain" ||
               place == "outputs.evalue") {
      if (result_.size() < kLongestResultBytes) result_ += text;
    }
  }

 private:
  static bool is_cell(const std::vector<JsonLevel>& path) {
    return path.size() >= 2 && path.back().is_array && path[path.size() - 2].key == "cells";
  }

  std::string place_of(const std::vector<JsonLevel>& path) const {
    std::string place;
    for (std::size_t i = cell_depth_; i < path.size(); ++i) {
      if (path[i].is_array) continue;
      if (!place.empty()) place += '.';
      place += path[i].key;
    }
    return place;
  }

  void write() {
    if (type_ == "markdown" || type_ == "heading") {
      const SourceText markdown = read_markdown(source_);
      if (title.empty()) title = markdown.title;
      text_.append(markdown);
    } else {
      text_.verbatim(normalize_lines(source_));
    }
    text_.verbatim(normalize_lines(result_));
  }

  TextBuilder& text_;
  std::size_t cell_depth_ = 0;  // levels around the cell that is open; 0 if none is
  std::string type_;
  std::string source_;
  std::string result_;
};

}  // namespace

SourceText read_ipynb(std::string_view bytes, std::string_view name) {
  const std::string text = normalize_lines(decode_text(bytes));
  TextBuilder builder(name);
  Cells cells(builder);
  if (!walk_json(text, cells) || !cells.has_cells) return read_json(bytes, name);
  return builder.take("application/x-ipynb+json", cells.title);
}

}  // namespace tandem
