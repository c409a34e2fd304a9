#include "trainer/question_result.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/file.h"
#include "trainer/json_lines.h"

namespace tandem {
namespace {

constexpr const char* kScores[] = {
    kRecallAt1, kRecallAt5, kRecallAt20,        kReciprocalRank, kNdcgAt10, kExactMatch,
    kTokenF1,   kRougeL,    kCitationPrecision, kCitationRecall, kAbstained};

}  // namespace

void write_results(const std::filesystem::path& path, std::span<const QuestionResult> results) {
  std::string text;
  for (const QuestionResult& result : results) {
    nlohmann::ordered_json line = {
        {"id", result.id}, {"answerable", result.answerable}, {"found", result.found}};
    if (result.answer) line["answer"] = *result.answer;
    for (const auto& [name, score] : result.scores) line[name] = score;
    text += line.dump() + "\n";
  }
  write_file_atomic(path, text);
}

std::vector<QuestionResult> read_results(const std::filesystem::path& path) {
  std::vector<QuestionResult> results;
  std::unordered_set<std::string> ids;
  for_each_json_line(path, [&](const JsonLine& line) {
    QuestionResult result;
    result.id = line.required_text("id");
    result.answerable = line.boolean("answerable").value_or(true);
    result.found = line.texts("found");
    result.answer = line.text("answer");
    for (const char* const name : kScores) {
      const std::optional<double> score = line.number(name);
      if (!score) continue;
      if (!(*score >= 0 && *score <= 1))
        line.refuse(fmt::format("\"{}\" is not from 0 to 1", name), "write the file anew");
      result.scores[name] = *score;
    }
    if (!ids.insert(result.id).second)
      line.refuse(fmt::format("a line before has the id \"{}\" too", result.id),
                  "write the file anew");
    results.push_back(std::move(result));
  });
  return results;
}

}  // namespace tandem
