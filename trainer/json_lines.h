// Files of one JSON object a line: what questions, corpora and answers are kept in.
#ifndef TANDEM_TRAINER_JSON_LINES_H_
#define TANDEM_TRAINER_JSON_LINES_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tandem {

inline constexpr std::size_t kMaxJsonLineBytes = std::size_t{16} << 20;

// One line, whose fields are read one by one. An absent field and null are the same. The getters
// throw kCorrupt for a field of another type, with the file and the line. Borrows the object.
class JsonLine {
 public:
  JsonLine(const nlohmann::json& object, const std::filesystem::path& path, std::size_t number)
      : object_(object), path_(path), number_(number) {}

  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::optional<std::string> text(std::string_view name) const;
  // Of a field that must be there and not be empty.
  std::string required_text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;  // none if absent
  std::optional<double> number(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name) const;

  // The field "id", or "FILE:LINE".
  std::string id() const;
  // Throws kCorrupt, "FILE, line N: PROBLEM".
  [[noreturn]] void refuse(std::string_view problem, std::string_view advice) const;

 private:
  const nlohmann::json* find(std::string_view name) const;

  const nlohmann::json& object_;
  const std::filesystem::path& path_;
  std::size_t number_;
};

// Whether a text is nothing but white space.
bool is_blank(std::string_view text);
// Without the white space around it.
std::string_view trimmed(std::string_view text);

// What to throw, kCorrupt, where a file has no line at all: it "has no WHAT".
Error no_lines(const std::filesystem::path& path, std::string_view what);

// Calls `visit` for each line in order; empty ones are passed over. Throws kNotFound where there is
// no such file, and kCorrupt, with the file and the line, for a line that is not UTF-8, is no JSON
// object or has more than kMaxJsonLineBytes. Values nested deeper than 4 levels are left out.
void for_each_json_line(const std::filesystem::path& path,
                        const std::function<void(const JsonLine&)>& visit);

}  // namespace tandem

#endif  // TANDEM_TRAINER_JSON_LINES_H_
