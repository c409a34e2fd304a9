// Answers as they are kept, for tests of what is said of them.
#ifndef TANDEM_TESTS_SUPPORT_ANSWER_RECORDS_H_
#define TANDEM_TESTS_SUPPORT_ANSWER_RECORDS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/answer_json.h"
#include "server/answers/record.h"

namespace tandem::testing {

// "Why?", answered from `passages`, all of which are in the prompt.
inline AnswerRecord kept_answer(const std::string& id, const std::string& answer = "Therefore.",
                                const std::vector<Passage>& passages = {}) {
  AnswerRecord record{.id = id, .request_id = "req-of-" + id, .answer = {}, .feedback = {}};
  record.answer = {{"id", id},
                   {"object", "answer"},
                   {"request_id", record.request_id},
                   {"collections", nlohmann::json::array({kDefaultCollection})},
                   {"messages", {{{"role", "user"}, {"content", "Why?"}}}},
                   {"hits", nlohmann::json::array()},
                   {"passages", nlohmann::json::array()},
                   {"prompt", "<user>Why?"},
                   {"answer", answer}};
  for (const Passage& passage : passages) {
    record.answer["hits"].push_back(to_json(Hit{.passage = passage, .score = 0.5f}));
    record.answer["passages"].push_back(passage.id);
  }
  return record;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_ANSWER_RECORDS_H_
