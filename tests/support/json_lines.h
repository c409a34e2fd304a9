// Reference files: one JSON value a line, the first of which names the versions they were made
// with.
#ifndef TANDEM_TESTS_SUPPORT_JSON_LINES_H_
#define TANDEM_TESTS_SUPPORT_JSON_LINES_H_

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"

namespace tandem::testing {

// The values after the first.
inline std::vector<nlohmann::json> read_reference(const std::filesystem::path& path) {
  std::istringstream lines(read_file(path));
  std::vector<nlohmann::json> values;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) values.push_back(nlohmann::json::parse(line));
  return values;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_JSON_LINES_H_
