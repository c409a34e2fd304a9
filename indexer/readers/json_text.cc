#include "indexer/readers/json_text.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "indexer/readers/decode.h"
#include "indexer/readers/json_events.h"
#include "indexer/readers/text_builder.h"

namespace tandem {
namespace {

// Of a path, whose innermost keys say most.
constexpr std::size_t kLongestPathBytes = 160;

class Flattener : public JsonHandler {
 public:
  explicit Flattener(TextBuilder& text) : text_(text) {}

  std::string title;

  void begin(const std::vector<JsonLevel>& path, bool is_array) override {
    flush();
    if (!is_array && is_part(path)) text_.end_paragraph();
  }

  void end(const std::vector<JsonLevel>& path, bool is_array) override {
    flush();
    if (!is_array && is_part(path)) text_.end_paragraph();
  }

  void value(const std::vector<JsonLevel>& path, std::string_view text) override {
    if (path.size() == 1 && path[0].key == "title" && title.empty()) title = text;
    const std::string place = place_of(path);
    if (!path.empty() && path.back().is_array) {
      if (values_.empty()) {
        values_ = place;
      } else {
        values_ += ", ";
      }
      values_ += text;
      return;
    }
    if (text.find('\n') == std::string_view::npos) {
      text_.line(place + std::string(text));
      return;
    }
    // Prose with its own lines and paragraphs.
    text_.line(place.substr(0, place.find_last_not_of(' ') + 1));
    text_.verbatim(normalize_lines(std::string(text)));
  }

 private:
  static bool is_part(const std::vector<JsonLevel>& path) {
    return path.size() == 1 || (!path.empty() && path.back().is_array);
  }

  // "a.b: ", or nothing for values without a key.
  static std::string place_of(const std::vector<JsonLevel>& path) {
    std::string place;
    for (std::size_t i = path.size(); i-- > 0;) {
      if (path[i].is_array || path[i].key.empty()) continue;
      if (!place.empty() && place.size() + path[i].key.size() > kLongestPathBytes) break;
      if (!place.empty()) place.insert(0, ".");
      place.insert(0, path[i].key);
    }
    return place.empty() ? place : place + ": ";
  }

  void flush() {
    if (!values_.empty()) text_.line(std::exchange(values_, {}));
  }

  TextBuilder& text_;
  std::string values_;  // of the array that is open
};

void add_lines(std::string_view text, TextBuilder& builder, std::string_view name) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    TextBuilder record(name);
    Flattener flattener(record);
    if (walk_json(line, flattener)) {
      builder.append(record.take({}));
    } else {
      builder.paragraph(line);
    }
  }
}

bool has_lines(std::string_view name) {
  return name.ends_with(".jsonl") || name.ends_with(".ndjson");
}

// Whether the first line alone is an object, which tells JSON Lines that are named otherwise.
bool begins_with_record(std::string_view text) {
  class Ignore : public JsonHandler {
    void begin(const std::vector<JsonLevel>&, bool) override {}
    void end(const std::vector<JsonLevel>&, bool) override {}
    void value(const std::vector<JsonLevel>&, std::string_view) override {}
  } ignore;
  return text.starts_with('{') && walk_json(text.substr(0, text.find('\n')), ignore);
}

}  // namespace

SourceText read_json(std::string_view bytes, std::string_view name) {
  const std::string text = normalize_lines(decode_text(bytes));
  if (!has_lines(name)) {
    TextBuilder builder(name);
    Flattener flattener(builder);
    if (walk_json(text, flattener)) return builder.take("application/json", flattener.title);
    if (!begins_with_record(text)) {
      SourceText source;
      source.media_type = "application/json";
      source.text = text;
      return source;
    }
  }
  TextBuilder builder(name);
  add_lines(text, builder, name);
  return builder.take("application/x-ndjson");
}

}  // namespace tandem
