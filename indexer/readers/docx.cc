#include "indexer/readers/docx.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "indexer/readers/document_writer.h"
#include "indexer/readers/office_package.h"

namespace tandem {
namespace {

constexpr int kMaxHeadingLevel = 9;

enum class StyleRole { kBody, kTitle, kHeading, kContents };

struct StyleMeaning {
  StyleRole role = StyleRole::kBody;
  int level = 0;  // of a heading
  bool is_item = false;
};

// 0 for what is no level: Word counts outline levels from 0, and 9 is body text.
int level_of_outline(std::string_view value) {
  const auto level = parse_integer(value);
  return level && *level >= 0 && *level < kMaxHeadingLevel ? static_cast<int>(*level) + 1 : 0;
}

StyleMeaning meaning_of_name(const std::string& name) {
  if (name == "title") return {StyleRole::kTitle, 1};
  if (name.starts_with("toc ")) return {StyleRole::kContents};
  if (name.starts_with("heading ")) {
    const auto level = parse_integer(std::string_view(name).substr(8));
    if (level && *level >= 1 && *level <= kMaxHeadingLevel) {
      return {StyleRole::kHeading, static_cast<int>(*level)};
    }
  }
  return {};
}

// What the paragraph styles of word/styles.xml mean, by their ids.
class Styles : public XmlHandler {
 public:
  StyleMeaning meaning(const std::string& id) const {
    StyleMeaning meaning;
    std::string next = id;
    // A style may be based on itself in a damaged document.
    for (int step = 0; step < 10 && !next.empty(); ++step) {
      const auto found = styles_.find(next);
      if (found == styles_.end()) break;
      const Style& style = found->second;
      meaning.is_item = meaning.is_item || style.meaning.is_item;
      if (meaning.role == StyleRole::kBody) {
        const bool is_item = meaning.is_item;
        meaning = style.meaning;
        meaning.is_item = is_item;
      }
      if (style.is_body_text) break;
      next = style.based_on;
    }
    return meaning;
  }

  void start(const XmlElement& element) override {
    const std::string_view name = element.name();
    if (name == "w:style") {
      style_ = element.value("w:type") == "paragraph"
                   ? &styles_[std::string(element.value("w:styleId"))]
                   : nullptr;
    }
    if (style_ == nullptr) return;
    if (name == "w:name") {
      style_->meaning = meaning_of_name(lower_ascii(element.value("w:val")));
    } else if (name == "w:basedOn") {
      style_->based_on = element.value("w:val");
    } else if (name == "w:numId") {
      style_->meaning.is_item = element.value("w:val") != "0";
    } else if (name == "w:outlineLvl" && style_->meaning.role == StyleRole::kBody) {
      const int level = level_of_outline(element.value("w:val"));
      if (level > 0) {
        style_->meaning.role = StyleRole::kHeading;
        style_->meaning.level = level;
      } else {
        style_->is_body_text = true;
      }
    }
  }
  void end(std::string_view name) override {
    if (name == "w:style") style_ = nullptr;
  }
  void characters(std::string_view) override {}

 private:
  struct Style {
    StyleMeaning meaning;
    std::string based_on;
    bool is_body_text = false;  // whatever it is based on
  };
  std::map<std::string, Style> styles_;
  Style* style_ = nullptr;
};

// The body of a document, or a part with notes.
class Body : public XmlHandler {
 public:
  Body(const Styles& styles, DocumentWriter& writer, std::string* title)
      : styles_(styles), writer_(writer), title_(title) {}

  bool has_pages() const { return has_pages_; }

  void start(const XmlElement& element) override {
    if (!skipped_.start()) return;
    const std::string_view name = element.name();
    // What was deleted or moved away; the second version of what a drawing already said.
    if (name == "w:del" || name == "w:moveFrom" || name == "mc:Fallback" || is_separator(element)) {
      skipped_.skip();
      return;
    }
    if (name == "w:t" || name == "m:t") {
      in_text_ = true;
    } else if (name == "w:p") {
      paragraphs_.emplace_back();
      paragraphs_.back().words = std::exchange(mark_, {});
    } else if (name == "w:tbl") {
      writer_.begin_table();
    } else if (name == "w:tr") {
      writer_.begin_row();
    } else if (name == "w:tc") {
      writer_.begin_cell();
    } else if (name == "w:footnote" || name == "w:endnote") {
      mark_ = "[" + std::string(element.value("w:id")) + "] ";
    } else if (name == "w:comment") {
      mark_ = "Comment by " + std::string(element.value("w:author", "unknown")) + ": ";
    } else if (!paragraphs_.empty()) {
      start_in_paragraph(element);
    }
  }

  void end(std::string_view name) override {
    if (!skipped_.end()) return;
    if (name == "w:t" || name == "m:t") {
      in_text_ = false;
    } else if (name == "w:p") {
      end_paragraph();
    } else if (name == "w:tr") {
      writer_.end_row();
    } else if (name == "w:tbl") {
      writer_.end_table();
    }
  }

  void characters(std::string_view text) override {
    if (in_text_ && !skipped_.active() && !paragraphs_.empty()) paragraphs_.back().words += text;
  }

 private:
  struct Paragraph {
    std::string words;
    std::string style_id;
    int outline_level = 0;
    bool is_item = false;
    bool is_no_item = false;  // says so, whatever its style
    int item_level = 0;
  };

  static bool is_separator(const XmlElement& element) {
    return (element.name() == "w:footnote" || element.name() == "w:endnote") &&
           element.value("w:type", "normal") != "normal";
  }

  void start_in_paragraph(const XmlElement& element) {
    Paragraph& paragraph = paragraphs_.back();
    const std::string_view name = element.name();
    if (name == "w:pStyle") {
      paragraph.style_id = element.value("w:val");
    } else if (name == "w:outlineLvl") {
      paragraph.outline_level = level_of_outline(element.value("w:val"));
    } else if (name == "w:numId") {
      paragraph.is_no_item = element.value("w:val") == "0";
      paragraph.is_item = !paragraph.is_no_item;
    } else if (name == "w:ilvl") {
      paragraph.item_level =
          static_cast<int>(std::clamp(parse_integer(element.value("w:val")).value_or(0), 0L, 8L));
    } else if (name == "w:lastRenderedPageBreak") {
      has_pages_ = true;
      // Where a page ends within a paragraph, that is taken to begin on the later page.
      writer_.begin_page();
    } else if (name == "w:footnoteReference" || name == "w:endnoteReference") {
      paragraph.words += " [" + std::string(element.value("w:id")) + "] ";
    } else {
      paragraph.words += symbol_of(name);
    }
  }

  static std::string_view symbol_of(std::string_view name) {
    if (name == "w:br" || name == "w:cr") return "\n";
    if (name == "w:tab" || name == "w:ptab") return " ";
    if (name == "w:noBreakHyphen") return "-";
    // Formulas: numerators stand before denominators, and so on.
    if (name == "m:den") return "/";
    if (name == "m:sup") return "^";
    if (name == "m:sub") return "_";
    if (name == "m:rad") return "\u221A";
    return {};
  }

  void end_paragraph() {
    if (paragraphs_.empty()) return;
    Paragraph paragraph = std::move(paragraphs_.back());
    paragraphs_.pop_back();
    const StyleMeaning meaning = styles_.meaning(paragraph.style_id);
    if (meaning.role == StyleRole::kContents) return;
    if (meaning.role == StyleRole::kTitle && title_ != nullptr && title_->empty()) {
      *title_ = paragraph.words;
    }
    ParagraphStyle style;
    style.heading_level = paragraph.outline_level > 0 ? paragraph.outline_level : meaning.level;
    if (!paragraph.is_no_item && (paragraph.is_item || meaning.is_item)) {
      style.item_depth = paragraph.item_level + 1;
    }
    writer_.paragraph(std::move(paragraph.words), style);
  }

  const Styles& styles_;
  DocumentWriter& writer_;
  std::string* title_;                 // of a paragraph styled so
  std::vector<Paragraph> paragraphs_;  // open: text boxes stand in paragraphs
  std::string mark_;                   // of a note, before its first paragraph
  SkippedElements skipped_;
  bool in_text_ = false;
  bool has_pages_ = false;
};

}  // namespace

SourceText read_docx(ZipArchive& archive, std::string_view part) {
  const std::vector<Relation> relations = read_relations(archive, part);
  Styles styles;
  parse_entry(archive, target_of_type(relations, "styles"), styles, PartSize::kList);
  TextBuilder text(archive.name());
  DocumentWriter writer(text);
  std::string title;
  Body body(styles, writer, &title);
  parse_main_part(archive, part, body, PartSize::kBody);
  for (const std::string_view type : {"footnotes", "endnotes", "comments"}) {
    Body notes(styles, writer, nullptr);
    parse_entry(archive, target_of_type(relations, type), notes, PartSize::kBody);
  }
  const std::string stated = read_title(archive, "docProps/core.xml");
  SourceText source =
      text.take("application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                stated.empty() ? title : stated);
  // Breaks were found before the second page and later ones.
  if (body.has_pages()) source.page_starts.insert(source.page_starts.begin(), 0);
  return source;
}

}  // namespace tandem
