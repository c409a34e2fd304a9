// Pairs of answers of which one is preferred: JSON lines
// {"id"?, "question", "passages"?, "chosen", "rejected"}, passages being named by their ids or by
// their whole texts.
#ifndef TANDEM_TRAINER_PREFERENCE_SET_H_
#define TANDEM_TRAINER_PREFERENCE_SET_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer/question_set.h"

namespace tandem {

struct PreferencePair {
  std::string id;  // "FILE:LINE" where the file gives none
  std::string question;
  // That both answers were given with, best first, as places in Corpus::passages; empty: without
  // any. Nullopt: the file does not say.
  std::optional<std::vector<std::size_t>> passages;
  std::string chosen;
  std::string rejected;
};

// Throws as for_each_json_line, and kCorrupt for a file without pairs, for an id that comes twice,
// for a question or an answer without a letter, for two answers that are the same but for white
// space around them, for a passage that the corpus lacks and for one that is named twice.
std::vector<PreferencePair> read_preferences(const std::filesystem::path& path,
                                             const Corpus& corpus);

struct PreferenceSets {
  std::vector<PreferencePair> pairs;  // that are learned from
  std::vector<PreferencePair> dev;    // that are not; may be empty
};

// The pairs that `share` of them are kept aside of, above 0 and below 1, by the rule of
// question_split.h: pairs of near questions stay together. Throws as split_by_document().
PreferenceSets keep_aside(std::vector<PreferencePair> pairs, double share, std::uint64_t seed);

// Throws kInvalidArgument if a question to measure by is (nearly) one to learn from
// (question_leaks.h).
void require_apart(std::span<const PreferencePair> learned,
                   std::span<const PreferencePair> measured);

}  // namespace tandem

#endif  // TANDEM_TRAINER_PREFERENCE_SET_H_
