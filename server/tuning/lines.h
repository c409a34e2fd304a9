// What clients upload to train on, as the lines that `tandem train` reads. A line of questions is
// one of trainer/question_set.h, or OpenAI's for chats:
//
//   {"messages": [{"role": "system", …}, {"role": "user", …}, {"role": "assistant", …}]}
//
// whose user asks the question and whose assistant gives the answer. A line of preferences is one
// of trainer/preference_set.h, or OpenAI's:
//
//   {"input": {"messages": [… {"role": "user", …}]},
//    "preferred_output": [{"role": "assistant", …}], "non_preferred_output": [{…}]}
//
// What the system says is left out: the prompt that a question is answered from is Tandem's own.
#ifndef TANDEM_SERVER_TUNING_LINES_H_
#define TANDEM_SERVER_TUNING_LINES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "server/tuning/request.h"

namespace tandem {

inline constexpr std::size_t kMaxTrainingLineBytes = std::size_t{1} << 20;

// Lines of preferences for kDpo, of questions for the other methods. `param` is the field of the
// request that named the file. Throws RequestError (400), with the number of the line, for one that
// is neither kind, and for a file without lines. Whether the corpus has the passages that a line
// names is seen when the training begins. Pure.
std::string to_training_lines(std::string_view content, TuningMethod method,
                              std::string_view param);

}  // namespace tandem

#endif  // TANDEM_SERVER_TUNING_LINES_H_
