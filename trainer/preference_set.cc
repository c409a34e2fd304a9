#include "trainer/preference_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "trainer/json_lines.h"
#include "trainer/passage_names.h"
#include "trainer/question_leaks.h"
#include "trainer/question_split.h"

namespace tandem {
namespace {

std::vector<std::size_t> passages_of(const JsonLine& line, PassageNames& names) {
  std::vector<std::size_t> places = names.find(line, line.texts("passages"));
  std::vector<std::size_t> sorted = places;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    line.refuse("a passage is named twice", "name each once, in the order of the prompt");
  return places;
}

// What is compared of pairs: their questions.
std::vector<Question> questions_of(std::span<const PreferencePair> pairs) {
  std::vector<Question> questions;
  questions.reserve(pairs.size());
  for (const PreferencePair& pair : pairs) questions.push_back({pair.id, pair.question, {}, {}});
  return questions;
}

}  // namespace

std::vector<PreferencePair> read_preferences(const std::filesystem::path& path,
                                             const Corpus& corpus) {
  std::vector<PreferencePair> pairs;
  std::unordered_set<std::string> ids;
  PassageNames names(corpus);
  for_each_json_line(path, [&](const JsonLine& line) {
    PreferencePair pair;
    pair.id = line.id();
    if (!ids.insert(pair.id).second)
      line.refuse(fmt::format("a pair before has the id \"{}\" too", pair.id),
                  "give each pair an id of its own, or none any");
    const auto text = [&](std::string_view name) {
      std::string value = line.required_text(name);
      if (is_blank(value)) line.refuse(fmt::format("\"{}\" is blank", name), "take the line out");
      return value;
    };
    pair.question = text("question");
    pair.chosen = text("chosen");
    pair.rejected = text("rejected");
    if (trimmed(pair.chosen) == trimmed(pair.rejected))
      line.refuse("both answers are the same", "a pair says which of two answers is the better");
    if (line.has("passages")) pair.passages = passages_of(line, names);
    pairs.push_back(std::move(pair));
  });
  if (pairs.empty()) throw no_lines(path, "pairs of answers");
  return pairs;
}

PreferenceSets keep_aside(std::vector<PreferencePair> pairs, double share, std::uint64_t seed) {
  const std::vector<bool> aside = split_by_document({}, questions_of(pairs), {share, seed});
  PreferenceSets sets;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    (aside[i] ? sets.dev : sets.pairs).push_back(std::move(pairs[i]));
  return sets;
}

void require_apart(std::span<const PreferencePair> learned,
                   std::span<const PreferencePair> measured) {
  const auto leaks = find_leaks({}, questions_of(learned), questions_of(measured));
  if (leaks.empty()) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("the dev questions are not apart from those that are learned from: {}",
                          describe_leaks(leaks)),
              "take these out, or keep others aside by --dev-share; with --allow-leaks the figures "
              "say less about questions that were not learned from");
}

}  // namespace tandem
