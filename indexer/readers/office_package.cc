#include "indexer/readers/office_package.h"

#include <algorithm>

#include "base/error.h"

namespace tandem {
namespace {

OfficeKind kind_of(std::string_view content_type) {
  // Documents, templates, and either with macros.
  if (!content_type.ends_with("main+xml")) return OfficeKind::kNone;
  const auto has = [&](std::string_view part) {
    return content_type.find(part) != std::string_view::npos;
  };
  if (has("wordprocessingml") || has("ms-word.")) return OfficeKind::kWord;
  if (has("presentationml") || has("ms-powerpoint.")) return OfficeKind::kPowerPoint;
  if (has("spreadsheetml") || has("ms-excel.")) return OfficeKind::kExcel;
  return OfficeKind::kNone;
}

class ContentTypes : public XmlHandler {
 public:
  MainPart found;

  void start(const XmlElement& element) override {
    if (element.name() != "Override" || found.kind != OfficeKind::kNone) return;
    found.kind = kind_of(element.value("ContentType"));
    if (found.kind != OfficeKind::kNone) found.part = resolve_entry({}, element.value("PartName"));
  }
  void end(std::string_view) override {}
  void characters(std::string_view) override {}
};

class Relations : public XmlHandler {
 public:
  explicit Relations(std::string_view part) : part_(part) {}
  std::vector<Relation> found;

  void start(const XmlElement& element) override {
    if (element.name() != "Relationship" || element.value("TargetMode") == "External") return;
    const std::string_view type = element.value("Type");
    found.push_back({std::string(element.value("Id")),
                     std::string(type.substr(type.rfind('/') + 1)),
                     resolve_entry(part_, element.value("Target"))});
  }
  void end(std::string_view) override {}
  void characters(std::string_view) override {}

 private:
  std::string_view part_;
};

class Title : public XmlHandler {
 public:
  std::string title;

  void start(const XmlElement& element) override { inside_ = element.name() == "dc:title"; }
  void end(std::string_view) override { inside_ = false; }
  void characters(std::string_view text) override {
    if (inside_) title += text;
  }

 private:
  bool inside_ = false;
};

}  // namespace

std::string resolve_entry(std::string_view part, std::string_view target) {
  std::string whole;
  if (!target.starts_with('/') && part.find('/') != std::string_view::npos) {
    whole = part.substr(0, part.rfind('/') + 1);
  }
  whole += target;
  std::vector<std::string_view> steps;
  std::string_view rest = whole;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view step = rest.substr(0, end);
    if (step == "..") {
      if (!steps.empty()) steps.pop_back();
    } else if (!step.empty() && step != ".") {
      steps.push_back(step);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  std::string resolved;
  for (const std::string_view step : steps) {
    if (!resolved.empty()) resolved.push_back('/');
    resolved += step;
  }
  return resolved;
}

bool parse_entry(ZipArchive& archive, std::string_view entry, XmlHandler& handler, PartSize size) {
  const std::string what = archive.name() + ": " + std::string(entry);
  XmlParser parser(handler, what);
  std::size_t bytes = 0;
  const bool found = archive.stream(entry, [&](std::string_view piece) {
    bytes += piece.size();
    if (size == PartSize::kList && bytes > kMaxListBytes) {
      throw Error(ErrorCode::kTooLarge,
                  what + " has more than the limit of " + std::to_string(kMaxListBytes) + " bytes",
                  "the document is damaged or hostile");
    }
    parser.feed(piece);
  });
  if (found) parser.finish();
  return found;
}

void parse_main_part(ZipArchive& archive, std::string_view part, XmlHandler& handler,
                     PartSize size) {
  if (parse_entry(archive, part, handler, size)) return;
  throw Error(ErrorCode::kCorrupt,
              archive.name() + " is damaged: it lacks its part \"" + std::string(part) + "\"",
              "check that the file was transferred whole, or save it again");
}

MainPart find_main_part(ZipArchive& archive) {
  ContentTypes types;
  parse_entry(archive, "[Content_Types].xml", types, PartSize::kList);
  return types.found;
}

std::vector<Relation> read_relations(ZipArchive& archive, std::string_view part) {
  const std::size_t slash = part.rfind('/');
  const std::string_view folder =
      slash == std::string_view::npos ? std::string_view() : part.substr(0, slash + 1);
  Relations relations(part);
  parse_entry(archive,
              std::string(folder) + "_rels/" + std::string(part.substr(folder.size())) + ".rels",
              relations, PartSize::kList);
  return relations.found;
}

std::string target_of_type(const std::vector<Relation>& relations, std::string_view type) {
  const auto found = std::find_if(relations.begin(), relations.end(),
                                  [&](const Relation& one) { return one.type == type; });
  return found == relations.end() ? std::string() : found->target;
}

std::string target_of_id(const std::vector<Relation>& relations, std::string_view id) {
  const auto found = std::find_if(relations.begin(), relations.end(),
                                  [&](const Relation& one) { return one.id == id; });
  return found == relations.end() ? std::string() : found->target;
}

std::string read_title(ZipArchive& archive, std::string_view entry) {
  Title found;
  parse_entry(archive, entry, found, PartSize::kList);
  for (const std::string_view habit :
       {"PowerPoint Presentation", "Word Document", "Microsoft ", "Untitled", "Slide 1"}) {
    if (found.title.starts_with(habit)) return {};
  }
  return found.title;
}

}  // namespace tandem
