// How files of questions name passages: by the id, or by the whole text.
#ifndef TANDEM_TRAINER_PASSAGE_NAMES_H_
#define TANDEM_TRAINER_PASSAGE_NAMES_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "trainer/json_lines.h"
#include "trainer/question_set.h"

namespace tandem {

// For one thread at a time.
class PassageNames {
 public:
  // Borrows it.
  explicit PassageNames(const Corpus& corpus) : corpus_(corpus) {}

  // Places in Corpus::passages, in the order of the names. Refuses the line for a name that the
  // corpus lacks.
  std::vector<std::size_t> find(const JsonLine& line, std::span<const std::string> names);

 private:
  std::optional<std::size_t> find(const std::string& name);

  const Corpus& corpus_;
  std::unordered_map<std::string_view, std::size_t> by_text_;  // once one is asked for
};

}  // namespace tandem

#endif  // TANDEM_TRAINER_PASSAGE_NAMES_H_
