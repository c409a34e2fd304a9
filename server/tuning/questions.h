// What clients upload to train on, as the lines that `tandem train` reads
// (trainer/question_set.h). A line is one of these, or OpenAI's for chats:
//
//   {"messages": [{"role": "system", …}, {"role": "user", …}, {"role": "assistant", …}]}
//
// whose user asks the question and whose assistant gives the answer. What the system says is left
// out: the prompt that a question is answered from is Tandem's own.
#ifndef TANDEM_SERVER_TUNING_QUESTIONS_H_
#define TANDEM_SERVER_TUNING_QUESTIONS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace tandem {

inline constexpr std::size_t kMaxQuestionLineBytes = std::size_t{1} << 20;

// `param` is the field of the request that named the file. Throws RequestError (400), with the
// number of the line, for one that is neither, and for a file without lines. Whether the corpus has
// the passages that a line names is seen when the training begins. Pure.
std::string to_question_lines(std::string_view content, std::string_view param);

}  // namespace tandem

#endif  // TANDEM_SERVER_TUNING_QUESTIONS_H_
