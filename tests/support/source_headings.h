// The headings of a SourceText as lines to compare.
#ifndef TANDEM_TESTS_SUPPORT_SOURCE_HEADINGS_H_
#define TANDEM_TESTS_SUPPORT_SOURCE_HEADINGS_H_

#include <string>
#include <vector>

#include "indexer/reader.h"

namespace tandem::testing {

// Each as "level words".
inline std::vector<std::string> headings_of(const SourceText& source) {
  std::vector<std::string> out;
  for (const Heading& heading : source.headings) {
    out.push_back(std::to_string(heading.level) + " " +
                  source.text.substr(heading.begin, heading.end - heading.begin));
  }
  return out;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_SOURCE_HEADINGS_H_
