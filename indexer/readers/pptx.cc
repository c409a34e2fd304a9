#include "indexer/readers/pptx.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "indexer/readers/document_writer.h"
#include "indexer/readers/office_package.h"

namespace tandem {
namespace {

class SlideList : public XmlHandler {
 public:
  std::vector<std::string> ids;

  void start(const XmlElement& element) override {
    if (element.name() == "p:sldId") ids.emplace_back(element.value("r:id"));
  }
  void end(std::string_view) override {}
  void characters(std::string_view) override {}
};

// The shapes of a slide or of its notes; of a chart or diagram, whose words stand in the same
// elements or in "c:v".
class Shapes : public XmlHandler {
 public:
  // Of a slide its title is wanted first, wherever its shape stands among the others.
  enum class Wanted { kTitle, kRest };

  Shapes(DocumentWriter& writer, Wanted wanted) : writer_(writer), wanted_(wanted) {}

  void start(const XmlElement& element) override {
    if (!skipped_.start()) return;
    const std::string_view name = element.name();
    if (name == "mc:Fallback") {
      skipped_.skip();
    } else if (name == "p:sp") {
      is_title_ = false;
      is_furniture_ = false;
    } else if (name == "p:ph") {
      const std::string_view type = element.value("type");
      is_title_ = type == "title" || type == "ctrTitle";
      is_furniture_ = type == "sldNum" || type == "dt" || type == "ftr" || type == "hdr";
    } else if (name == "a:p") {
      words_.clear();
      item_level_ = 0;
    } else if (name == "a:pPr") {
      item_level_ =
          static_cast<int>(std::clamp(parse_integer(element.value("lvl")).value_or(0), 0L, 8L));
    } else if (name == "a:t" || name == "m:t") {
      in_text_ = true;
    } else if (name == "a:br" || name == "a:tab") {
      words_ += name == "a:br" ? "\n" : " ";
    } else if (name == "c:v") {
      words_.clear();
      in_text_ = true;
    } else if (name == "c:cat" || name == "c:val" || name == "c:tx") {
      values_.clear();
    } else if (wanted_ == Wanted::kRest) {
      if (name == "a:tbl") writer_.begin_table();
      if (name == "a:tr") writer_.begin_row();
      if (name == "a:tc") writer_.begin_cell();
    }
  }

  void end(std::string_view name) override {
    if (!skipped_.end()) return;
    if (name == "a:t" || name == "m:t") {
      in_text_ = false;
    } else if (name == "a:p") {
      if (!is_furniture_) write(std::exchange(words_, {}));
    } else if (name == "p:sp") {
      is_title_ = false;
      is_furniture_ = false;
    } else if (name == "c:v") {
      in_text_ = false;
      if (!values_.empty()) values_ += ", ";
      values_ += std::exchange(words_, {});
    } else if (name == "c:cat" || name == "c:val" || name == "c:tx") {
      if (!values_.empty()) write(std::exchange(values_, {}));
    } else if (wanted_ == Wanted::kRest) {
      if (name == "a:tr") writer_.end_row();
      if (name == "a:tbl") writer_.end_table();
    }
  }

  void characters(std::string_view text) override {
    if (in_text_ && !skipped_.active()) words_ += text;
  }

 private:
  void write(std::string words) {
    if (is_title_ != (wanted_ == Wanted::kTitle)) return;
    ParagraphStyle style;
    if (is_title_) style.heading_level = 1;
    if (item_level_ > 0) style.item_depth = item_level_ + 1;
    writer_.paragraph(std::move(words), style);
  }

  DocumentWriter& writer_;
  Wanted wanted_;
  std::string words_;   // of the paragraph
  std::string values_;  // of a series in a chart
  int item_level_ = 0;
  SkippedElements skipped_;
  bool in_text_ = false;
  bool is_title_ = false;
  bool is_furniture_ = false;
};

void write_shapes(ZipArchive& archive, std::string_view part, DocumentWriter& writer,
                  Shapes::Wanted wanted = Shapes::Wanted::kRest) {
  Shapes shapes(writer, wanted);
  parse_entry(archive, part, shapes, PartSize::kBody);
}

}  // namespace

SourceText read_pptx(ZipArchive& archive, std::string_view part) {
  SlideList slides;
  parse_main_part(archive, part, slides, PartSize::kList);
  const std::vector<Relation> relations = read_relations(archive, part);
  TextBuilder text(archive.name());
  DocumentWriter writer(text);
  for (const std::string& id : slides.ids) {
    const std::string slide = target_of_id(relations, id);
    const std::vector<Relation> related = read_relations(archive, slide);
    writer.begin_page();
    write_shapes(archive, slide, writer, Shapes::Wanted::kTitle);
    write_shapes(archive, slide, writer);
    for (const Relation& relation : related) {
      if (relation.type == "chart" || relation.type == "diagramData") {
        write_shapes(archive, relation.target, writer);
      }
    }
    const std::string notes = target_of_type(related, "notesSlide");
    if (!notes.empty()) write_shapes(archive, notes, writer);
  }
  return text.take("application/vnd.openxmlformats-officedocument.presentationml.presentation",
                   read_title(archive, "docProps/core.xml"));
}

}  // namespace tandem
