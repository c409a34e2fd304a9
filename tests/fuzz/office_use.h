// Documents of several parts as one text that a fuzzer can change: each part is a line "%%name" and
// what follows it.
#ifndef TANDEM_TESTS_FUZZ_OFFICE_USE_H_
#define TANDEM_TESTS_FUZZ_OFFICE_USE_H_

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/support/zip_builder.h"

namespace tandem::fuzz {

inline constexpr std::string_view kPartMark = "%%";

// Names that libzip would refuse are left out, and so are those that came before.
inline testing::ZipEntries parts_of(std::string_view text) {
  testing::ZipEntries entries;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(kPartMark)) {
      const std::string name(line.substr(kPartMark.size()));
      const auto is_taken = [&](const auto& entry) { return entry.first == name; };
      const bool is_name =
          !name.empty() && name.back() != '/' &&
          std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
      if (is_name && std::none_of(entries.begin(), entries.end(), is_taken)) {
        entries.emplace_back(name, "");
      }
    } else if (!entries.empty()) {
      entries.back().second.append(line).push_back('\n');
    }
  }
  return entries;
}

inline std::string text_of(const testing::ZipEntries& entries) {
  std::string text;
  for (const auto& [name, content] : entries) {
    text.append(kPartMark).append(name).append("\n").append(content).append("\n");
  }
  return text;
}

}  // namespace tandem::fuzz

#endif  // TANDEM_TESTS_FUZZ_OFFICE_USE_H_
