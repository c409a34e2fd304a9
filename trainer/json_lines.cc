#include "trainer/json_lines.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace tandem {
namespace {

using nlohmann::json;

// Those of the fields that are read: the object, an array, its elements.
constexpr int kMaxDepth = 4;

bool is_shallow(int depth, json::parse_event_t, json&) {
  return depth <= kMaxDepth;
}

}  // namespace

const json* JsonLine::find(std::string_view name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::string> JsonLine::text(std::string_view name) const {
  const json* const value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string())
    refuse(fmt::format("\"{}\" is no string", name), "write it in quotation marks");
  return value->get<std::string>();
}

std::string JsonLine::required_text(std::string_view name) const {
  std::optional<std::string> value = text(name);
  if (!value || value->empty())
    refuse(fmt::format("\"{}\" is missing or empty", name), "give it, or take the line out");
  return *std::move(value);
}

std::vector<std::string> JsonLine::texts(std::string_view name) const {
  const json* const value = find(name);
  if (value == nullptr) return {};
  std::vector<std::string> all;
  bool valid = value->is_array();
  if (valid) {
    for (const json& element : *value) {
      valid = valid && element.is_string();
      if (valid) all.push_back(element.get<std::string>());
    }
  }
  if (!valid)
    refuse(fmt::format("\"{}\" is no array of strings", name),
           "write [\"…\", \"…\"], or [] for none");
  return all;
}

std::optional<double> JsonLine::number(std::string_view name) const {
  const json* const value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) refuse(fmt::format("\"{}\" is no number", name), "write it in digits");
  return value->get<double>();
}

std::optional<bool> JsonLine::boolean(std::string_view name) const {
  const json* const value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean())
    refuse(fmt::format("\"{}\" is neither true nor false", name), "write one of these");
  return value->get<bool>();
}

std::string JsonLine::id() const {
  return text("id").value_or(fmt::format("{}:{}", path_.filename().string(), number_));
}

void JsonLine::refuse(std::string_view problem, std::string_view advice) const {
  throw Error(ErrorCode::kCorrupt, fmt::format("{}, line {}: {}", path_.string(), number_, problem),
              std::string(advice));
}

bool is_blank(std::string_view text) {
  return trimmed(text).empty();
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

Error no_lines(const std::filesystem::path& path, std::string_view what) {
  return {ErrorCode::kCorrupt, fmt::format("{} has no {}", path.string(), what),
          "write one JSON object a line"};
}

void for_each_json_line(const std::filesystem::path& path,
                        const std::function<void(const JsonLine&)>& visit) {
  constexpr std::string_view kAdvice = "write one JSON object a line, in UTF-8";
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path))
    throw Error(ErrorCode::kNotFound, fmt::format("{} cannot be read", path.string()),
                "name a file of JSON lines");
  std::string buffer(kMaxJsonLineBytes + 1, '\0');  // getline() ends it by a NUL
  for (std::size_t number = 1; file.peek() != std::ifstream::traits_type::eof(); ++number) {
    file.getline(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    json object;
    const JsonLine line(object, path, number);
    if (file.fail() && !file.bad())
      line.refuse(fmt::format("it has more than {} MiB", kMaxJsonLineBytes >> 20), kAdvice);
    if (file.bad())
      throw Error(ErrorCode::kInternal, fmt::format("reading {} failed", path.string()));
    const auto taken = static_cast<std::size_t>(file.gcount()) - (file.eof() ? 0 : 1);
    const auto text = std::string_view(buffer).substr(0, taken);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (!is_valid_utf8(text)) line.refuse("it is not UTF-8", kAdvice);
    object = json::parse(text, is_shallow, /*allow_exceptions=*/false);
    if (object.is_discarded()) line.refuse("it is not JSON", kAdvice);
    if (!object.is_object()) line.refuse("it is no JSON object", kAdvice);
    visit(line);
  }
}

}  // namespace tandem
