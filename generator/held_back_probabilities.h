// Log-probabilities of tokens until the text that they begin is shown: a stream of text holds back
// what may be the beginning of a stop string or half a character (text_stream.h).
#ifndef TANDEM_GENERATOR_HELD_BACK_PROBABILITIES_H_
#define TANDEM_GENERATOR_HELD_BACK_PROBABILITIES_H_

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "generator/log_probabilities.h"

namespace tandem {

class HeldBackProbabilities {
 public:
  // The next token, of `size_bytes`.
  void push(LogProbabilities token, std::size_t size_bytes) {
    tokens_.push_back({pushed_bytes_, pushed_bytes_ + size_bytes, std::move(token)});
    pushed_bytes_ += size_bytes;
  }
  // Those that begin within the first `shown_bytes`, or end there, having no bytes.
  void take(std::size_t shown_bytes, std::vector<LogProbabilities>& out) {
    for (; !tokens_.empty(); tokens_.pop_front()) {
      Token& next = tokens_.front();
      if (next.begin >= shown_bytes && next.end > shown_bytes) return;
      out.push_back(std::move(next.log_probabilities));
    }
  }

 private:
  struct Token {
    std::size_t begin = 0;
    std::size_t end = 0;
    LogProbabilities log_probabilities;
  };
  std::deque<Token> tokens_;
  std::size_t pushed_bytes_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_HELD_BACK_PROBABILITIES_H_
