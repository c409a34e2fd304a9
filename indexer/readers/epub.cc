#include "indexer/readers/epub.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "indexer/readers/html.h"
#include "indexer/readers/office_package.h"
#include "indexer/readers/text_builder.h"

namespace tandem {
namespace {

// The package document of the book, as META-INF/container.xml names it.
class Container : public XmlHandler {
 public:
  std::string package;

  void start(const XmlElement& element) override {
    if (element.name() == "rootfile" && package.empty()) {
      package = resolve_entry({}, element.value("full-path"));
    }
  }
  void end(std::string_view) override {}
  void characters(std::string_view) override {}
};

// "a%20b.xhtml#part" of a link in `part`, as the name of an entry.
std::string entry_of_link(std::string_view part, std::string_view link) {
  const std::string_view path = link.substr(0, link.find('#'));
  std::string plain;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto is_hex = [&](std::size_t at) {
      return at < path.size() && std::isxdigit(static_cast<unsigned char>(path[at])) != 0;
    };
    if (path[i] == '%' && is_hex(i + 1) && is_hex(i + 2)) {
      plain.push_back(
          static_cast<char>(std::stoi(std::string(path.substr(i + 1, 2)), nullptr, 16)));
      i += 2;
    } else {
      plain.push_back(path[i]);
    }
  }
  return resolve_entry(part, plain);
}

class Package : public XmlHandler {
 public:
  explicit Package(std::string_view part) : part_(part) {}
  std::string title;
  std::string contents;  // entry of the table of contents

  // Entries of the documents to read, in order.
  std::vector<std::string> documents() const {
    std::vector<std::string> entries;
    for (const std::string& id : spine_) {
      const auto found = items_.find(id);
      if (found == items_.end()) continue;
      // A book names each of its documents once; a hostile one may name a large one often.
      if (std::find(entries.begin(), entries.end(), found->second) != entries.end()) continue;
      entries.push_back(found->second);
      if (entries.size() == kMostDocuments) break;
    }
    return entries;
  }

  void start(const XmlElement& element) override {
    const std::string_view name = element.name();
    if (name == "item") {
      const std::string_view type = element.value("media-type");
      const std::string entry = entry_of_link(part_, element.value("href"));
      const bool is_contents =
          element.value("properties") == "nav" || type == "application/x-dtbncx+xml";
      if (is_contents && contents.empty()) contents = entry;
      // The table of contents only repeats headings, where it is a document of the book itself.
      if (type.find("html") != std::string_view::npos && element.value("properties") != "nav") {
        items_.emplace(element.value("id"), entry);
      }
    } else if (name == "itemref") {
      spine_.emplace_back(element.value("idref"));
    }
    in_title_ = name == "dc:title" && title.empty();
  }
  void end(std::string_view) override { in_title_ = false; }
  void characters(std::string_view text) override {
    if (in_title_) title += text;
  }

 private:
  static constexpr std::size_t kMostDocuments = 4096;

  std::string_view part_;
  std::map<std::string, std::string> items_;  // by id
  std::vector<std::string> spine_;
  bool in_title_ = false;
};

// What a table of contents calls each document: "navPoint" of EPUB 2 or the links of EPUB 3.
class Contents : public XmlHandler {
 public:
  explicit Contents(std::string_view part) : part_(part) {}
  std::map<std::string, std::string> names;

  void start(const XmlElement& element) override {
    const std::string_view name = element.name();
    if (name == "navLabel" || name == "a") {
      inside_ = true;
      words_.clear();
    }
    if (name == "a") target_ = entry_of_link(part_, element.value("href"));
    if (name == "content") names.emplace(entry_of_link(part_, element.value("src")), words_);
  }
  void end(std::string_view name) override {
    if (name == "navLabel" || name == "a") inside_ = false;
    if (name == "a") names.emplace(target_, words_);
  }
  void characters(std::string_view text) override {
    if (inside_ && words_.size() < kLongestName) words_ += text;
  }

 private:
  static constexpr std::size_t kLongestName = 512;

  std::string_view part_;
  std::string words_;
  std::string target_;
  bool inside_ = false;
};

std::map<std::string, std::string> read_contents(ZipArchive& archive, const std::string& entry) {
  Contents contents(entry);
  try {
    parse_entry(archive, entry, contents, PartSize::kList);
  } catch (const Error& error) {
    // A book can be read without its table of contents, which is often not well-formed.
    if (error.code() != ErrorCode::kCorrupt) throw;
  }
  return std::move(contents.names);
}

void append_document(SourceText document, const std::string& name, TextBuilder& text) {
  std::string words = clean_words(name);
  std::replace(words.begin(), words.end(), '\n', ' ');
  if (document.headings.empty() && !words.empty()) {
    if (document.text.starts_with(words)) {
      document.headings.push_back({0, words.size(), 1});
    } else if (!document.text.empty()) {
      text.heading(words, 1);
    }
  }
  text.append(document);
}

}  // namespace

SourceText read_epub(ZipArchive& archive) {
  Container container;
  parse_main_part(archive, "META-INF/container.xml", container, PartSize::kList);
  Package package(container.package);
  parse_main_part(archive, container.package, package, PartSize::kList);
  const std::map<std::string, std::string> names = read_contents(archive, package.contents);
  TextBuilder text(archive.name());
  for (const std::string& entry : package.documents()) {
    const auto name = names.find(entry);
    append_document(read_html(archive.read(entry), archive.name() + ": " + entry),
                    name == names.end() ? std::string() : name->second, text);
  }
  return text.take("application/epub+zip", package.title);
}

}  // namespace tandem
