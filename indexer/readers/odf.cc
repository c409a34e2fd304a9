#include "indexer/readers/odf.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "indexer/readers/document_writer.h"
#include "indexer/readers/office_package.h"
#include "indexer/readers/record_writer.h"

namespace tandem {
namespace {

// Left out with all they hold: no text of the document, or text that repeats it.
constexpr std::array<std::string_view, 13> kSkipped{"text:tracked-changes",
                                                    "text:table-of-content",
                                                    "text:sequence-decls",
                                                    "text:note-citation",
                                                    "office:forms",
                                                    "office:font-face-decls",
                                                    "office:master-styles",
                                                    "office:styles",
                                                    "dc:creator",
                                                    "dc:date",
                                                    "title",
                                                    "desc",
                                                    "text:variable-decls"};

// A longer text is not repeated for each of several cells.
constexpr std::size_t kLongestRepeated = 256;
constexpr std::size_t kMostStyles = 65'536;

bool is_furniture(std::string_view presentation_class) {
  return presentation_class == "page-number" || presentation_class == "date-time" ||
         presentation_class == "footer" || presentation_class == "header";
}

int clamped(std::string_view value, long least, long most) {
  return static_cast<int>(std::clamp(parse_integer(value).value_or(least), least, most));
}

class Content : public XmlHandler {
 public:
  Content(bool is_spreadsheet, TextBuilder& text)
      : is_spreadsheet_(is_spreadsheet), text_(text), writer_(text), records_(text) {}

  std::string title;  // of a paragraph styled so

  void start(const XmlElement& element) override {
    if (!skipped_.start()) return;
    const std::string_view name = element.name();
    if (std::find(kSkipped.begin(), kSkipped.end(), name) != kSkipped.end() ||
        is_furniture(element.value("presentation:class"))) {
      skipped_.skip();
    } else if (name == "style:style") {
      if (parents_.size() < kMostStyles) {
        parents_.emplace(element.value("style:name"), element.value("style:parent-style-name"));
      }
    } else if (name == "text:h" || name == "text:p") {
      start_paragraph(element);
    } else if (name == "text:list") {
      ++list_depth_;
    } else if (name == "text:s") {
      add(std::string(static_cast<std::size_t>(clamped(element.value("text:c"), 1, 64)), ' '));
    } else if (name == "text:tab") {
      add(" ");
    } else if (name == "text:line-break") {
      add("\n");
    } else if (name == "draw:page") {
      writer_.begin_page();
    } else if (name == "draw:frame") {
      in_slide_title_ = element.value("presentation:class") == "title";
    } else if (name.starts_with("table:")) {
      start_of_table(element);
    }
  }

  void end(std::string_view name) override {
    if (!skipped_.end()) return;
    if (name == "text:h" || name == "text:p") {
      end_paragraph();
    } else if (name == "text:list") {
      list_depth_ = std::max(list_depth_ - 1, 0);
    } else if (name == "draw:frame") {
      in_slide_title_ = false;
    } else if (name.starts_with("table:")) {
      end_of_table(name);
    }
  }

  void characters(std::string_view text) override {
    if (!skipped_.active()) add(text);
  }

 private:
  struct Paragraph {
    std::string words;
    ParagraphStyle style;
    bool is_title = false;
  };

  void add(std::string_view words) {
    if (!open_.empty()) open_.back().words += words;
  }

  void start_paragraph(const XmlElement& element) {
    Paragraph paragraph;
    std::string style(element.value("text:style-name"));
    if (const auto parent = parents_.find(style); parent != parents_.end() && style != "Title") {
      style = parent->second;
    }
    paragraph.is_title = style == "Title";
    if (element.name() == "text:h") {
      paragraph.style.heading_level = clamped(element.value("text:outline-level"), 1, 9);
    } else if (paragraph.is_title || in_slide_title_) {
      paragraph.style.heading_level = 1;
    }
    paragraph.style.item_depth = list_depth_;
    open_.push_back(std::move(paragraph));
  }

  void end_paragraph() {
    if (open_.empty()) return;
    Paragraph paragraph = std::move(open_.back());
    open_.pop_back();
    if (!open_.empty()) {
      // A note, a comment or a text box, anchored within another paragraph.
      if (!paragraph.words.empty()) open_.back().words += " [" + paragraph.words + "] ";
    } else if (is_spreadsheet_) {
      if (!cell_.empty()) cell_ += "\n";
      cell_ += paragraph.words;
    } else {
      if (paragraph.is_title && title.empty()) title = paragraph.words;
      writer_.paragraph(std::move(paragraph.words), paragraph.style);
    }
  }

  void start_of_table(const XmlElement& element) {
    const std::string_view name = element.name();
    const bool is_cell = name == "table:table-cell" || name == "table:covered-table-cell";
    if (!is_spreadsheet_) {
      if (name == "table:table") writer_.begin_table();
      if (name == "table:table-row") writer_.begin_row();
      if (is_cell) writer_.begin_cell();
    } else if (name == "table:table") {
      text_.heading(element.value("table:name"), 1);
    } else if (name == "table:table-row") {
      row_.clear();
      column_ = 0;
    } else if (is_cell) {
      cell_.clear();
      repeated_ = static_cast<std::size_t>(clamped(element.value("table:number-columns-repeated"),
                                                   1, static_cast<long>(kMaxColumns)));
    }
  }

  // A repeated row is written once: the same passage twice helps no search.
  void end_of_table(std::string_view name) {
    if (!is_spreadsheet_) {
      if (name == "table:table-row") writer_.end_row();
      if (name == "table:table") writer_.end_table();
    } else if (name == "table:table") {
      records_.finish();
    } else if (name == "table:table-row") {
      records_.row(std::exchange(row_, {}));
    } else if (name == "table:table-cell" || name == "table:covered-table-cell") {
      if (cell_.size() > kLongestRepeated) repeated_ = 1;
      for (std::size_t i = 0; i < repeated_ && column_ < kMaxColumns; ++i, ++column_) {
        if (!cell_.empty()) row_.push_back({column_, cell_});
      }
      cell_.clear();
    }
  }

  const bool is_spreadsheet_;
  TextBuilder& text_;
  DocumentWriter writer_;
  RecordWriter records_;
  std::map<std::string, std::string> parents_;  // of the styles that the document defines
  std::vector<Paragraph> open_;                 // notes stand in paragraphs
  std::vector<RecordCell> row_;
  std::string cell_;
  std::size_t column_ = 0;
  std::size_t repeated_ = 1;
  int list_depth_ = 0;
  SkippedElements skipped_;
  bool in_slide_title_ = false;
};

}  // namespace

SourceText read_odf(ZipArchive& archive, std::string_view media_type) {
  const std::string stated = read_title(archive, "meta.xml");
  TextBuilder text(archive.name());
  Content content(media_type.find("spreadsheet") != std::string_view::npos, text);
  parse_main_part(archive, "content.xml", content, PartSize::kBody);
  return text.take(media_type, stated.empty() ? content.title : stated);
}

}  // namespace tandem
