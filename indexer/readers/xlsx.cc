#include "indexer/readers/xlsx.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "indexer/readers/office_package.h"
#include "indexer/readers/record_writer.h"
#include "indexer/readers/xlsx_numbers.h"

namespace tandem {
namespace {

struct Sheet {
  std::string name;
  std::string id;  // of its relation
};

class Workbook : public XmlHandler {
 public:
  std::vector<Sheet> sheets;
  bool since_1904 = false;

  void start(const XmlElement& element) override {
    if (element.name() == "s:sheet" && element.value("state", "visible") == "visible") {
      sheets.push_back({std::string(element.value("name")), std::string(element.value("r:id"))});
    } else if (element.name() == "s:workbookPr") {
      const std::string_view value = element.value("date1904");
      since_1904 = value == "1" || value == "true";
    }
  }
  void end(std::string_view) override {}
  void characters(std::string_view) override {}
};

// Each text stands once and cells refer to it by number. One string holds them all: a text may take
// four bytes of the file.
class SharedTexts : public XmlHandler {
 public:
  explicit SharedTexts(std::string name) : name_(std::move(name)) {}

  std::string_view at(std::size_t index) const {
    if (index >= ends_.size()) return {};
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(texts_).substr(begin, ends_[index] - begin);
  }

  void start(const XmlElement& element) override {
    if (element.name() == "s:rPh") in_reading_ = true;  // of Chinese characters, in kana
    if (element.name() == "s:t") in_text_ = !in_reading_;
  }
  void end(std::string_view name) override {
    if (name == "s:rPh") in_reading_ = false;
    if (name == "s:t") in_text_ = false;
    if (name != "s:si") return;
    if (ends_.size() == kMaxTexts) fail_too_large();
    ends_.push_back(static_cast<std::uint32_t>(texts_.size()));
  }
  void characters(std::string_view text) override {
    if (!in_text_) return;
    if (texts_.size() + text.size() > kMaxTextBytes) fail_too_large();
    texts_ += text;
  }

 private:
  static constexpr std::size_t kMaxTexts = 16u << 20;

  [[noreturn]] void fail_too_large() const {
    throw Error(ErrorCode::kTooLarge, name_ + " has too much text in its cells",
                "split the workbook");
  }

  std::string name_;
  std::string texts_;
  std::vector<std::uint32_t> ends_;
  bool in_text_ = false;
  bool in_reading_ = false;
};

// The number formats of xl/styles.xml, by the style of a cell.
class Formats : public XmlHandler {
 public:
  NumberFormat at(std::string_view style) const {
    const auto index = parse_integer(style);
    if (!index || *index < 0 || static_cast<std::size_t>(*index) >= formats_.size()) {
      return NumberFormat::kPlain;
    }
    return formats_[static_cast<std::size_t>(*index)];
  }

  void start(const XmlElement& element) override {
    if (element.name() == "s:numFmt") {
      if (const auto id = parse_integer(element.value("numFmtId"))) {
        defined_[*id] = parse_number_format(element.value("formatCode"));
      }
    } else if (element.name() == "s:cellXfs") {
      in_cell_formats_ = true;
    } else if (element.name() == "s:xf" && in_cell_formats_) {
      const long id = parse_integer(element.value("numFmtId")).value_or(0);
      const auto found = defined_.find(id);
      formats_.push_back(found != defined_.end() ? found->second : builtin_number_format(id));
    }
  }
  void end(std::string_view name) override {
    if (name == "s:cellXfs") in_cell_formats_ = false;
  }
  void characters(std::string_view) override {}

 private:
  std::map<long, NumberFormat> defined_;
  std::vector<NumberFormat> formats_;
  bool in_cell_formats_ = false;
};

constexpr long kMaxRows = 1'048'576;

// Column of a reference such as "AB12", from 0; kMaxColumns if it is none.
std::size_t column_of(std::string_view reference) {
  std::size_t column = 0;
  for (const char c : reference) {
    if (c < 'A' || c > 'Z') break;
    column = column * 26 + static_cast<std::size_t>(c - 'A' + 1);
    if (column > kMaxColumns) return kMaxColumns;
  }
  return column == 0 ? kMaxColumns : column - 1;
}

class Cells : public XmlHandler {
 public:
  Cells(const SharedTexts& shared, const Formats& formats, bool since_1904, TextBuilder& text)
      : shared_(shared), formats_(formats), since_1904_(since_1904), records_(text) {}

  void start(const XmlElement& element) override {
    const std::string_view name = element.name();
    if (name == "s:row") {
      row_.clear();
      // Rows without cells are usually left out of the file; a gap ends a table.
      const long number =
          std::clamp(parse_integer(element.value("r")).value_or(last_row_ + 1), 0L, kMaxRows);
      if (number > last_row_ + 1) records_.row({});
      last_row_ = number;
      next_column_ = 0;
    } else if (name == "s:c") {
      const auto reference = element.attribute("r");
      column_ = reference ? column_of(*reference) : next_column_;
      next_column_ = column_ + 1;
      type_ = element.value("t", "n");
      format_ = formats_.at(element.value("s"));
      value_.clear();
    } else if (name == "s:v" || name == "s:t") {
      in_value_ = true;
    } else if (name == "s:rPh") {
      in_reading_ = true;
    }
  }

  void end(std::string_view name) override {
    if (name == "s:v" || name == "s:t") {
      in_value_ = false;
    } else if (name == "s:rPh") {
      in_reading_ = false;
    } else if (name == "s:c") {
      end_cell();
    } else if (name == "s:row") {
      const auto before = [](const RecordCell& a, const RecordCell& b) {
        return a.column < b.column;
      };
      std::stable_sort(row_.begin(), row_.end(), before);
      records_.row(std::move(row_));
      row_ = {};
    } else if (name == "s:sheetData") {
      records_.finish();
    }
  }

  void characters(std::string_view text) override {
    if (in_value_ && !in_reading_) value_ += text;
  }

 private:
  void end_cell() {
    std::string text;
    if (type_ == "s") {
      const auto index = parse_integer(value_);
      if (index && *index >= 0) text = shared_.at(static_cast<std::size_t>(*index));
    } else if (type_ == "b") {
      text = value_ == "1" ? "TRUE" : "FALSE";
    } else if (type_ == "n") {
      text = format_number(value_, format_, since_1904_);
    } else {
      text = value_;  // words of a formula or of the cell itself, an error, a date
    }
    if (!text.empty() && column_ < kMaxColumns && row_.size() < kMaxColumns) {
      row_.push_back({column_, std::move(text)});
    }
  }

  const SharedTexts& shared_;
  const Formats& formats_;
  bool since_1904_;
  RecordWriter records_;
  std::vector<RecordCell> row_;
  std::string type_;
  std::string value_;
  NumberFormat format_ = NumberFormat::kPlain;
  std::size_t column_ = 0;
  std::size_t next_column_ = 0;
  long last_row_ = 0;
  bool in_value_ = false;
  bool in_reading_ = false;
};

}  // namespace

SourceText read_xlsx(ZipArchive& archive, std::string_view part) {
  Workbook workbook;
  parse_main_part(archive, part, workbook, PartSize::kList);
  const std::vector<Relation> relations = read_relations(archive, part);
  SharedTexts shared(archive.name());
  parse_entry(archive, target_of_type(relations, "sharedStrings"), shared, PartSize::kBody);
  Formats formats;
  parse_entry(archive, target_of_type(relations, "styles"), formats, PartSize::kList);
  TextBuilder text(archive.name());
  for (const Sheet& sheet : workbook.sheets) {
    text.heading(sheet.name, 1);
    Cells cells(shared, formats, workbook.since_1904, text);
    parse_entry(archive, target_of_id(relations, sheet.id), cells, PartSize::kBody);
  }
  return text.take("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                   read_title(archive, "docProps/core.xml"));
}

}  // namespace tandem
