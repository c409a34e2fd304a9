// Hands the tokens of one generation from the scheduler's thread to whoever receives them.
#ifndef TANDEM_GENERATOR_TOKEN_CHANNEL_H_
#define TANDEM_GENERATOR_TOKEN_CHANNEL_H_

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>

#include "generator/log_probabilities.h"
#include "generator/scheduler.h"

namespace tandem {

// push() and close() are for the scheduler's thread, pop() for the receiver's.
class TokenChannel {
 public:
  void push(LogProbabilities token);
  // Nothing is pushed afterwards. `ended`: see TokenStream. pop() throws `failure`, if there is
  // one, once all tokens were taken.
  void close(bool ended, std::exception_ptr failure = nullptr);

  // Waits for a token; nothing when the channel is closed and empty.
  std::optional<LogProbabilities> pop();
  bool ended() const;

  std::atomic<bool> cancelled{false};
  std::atomic<double> prefill_seconds{0};
  std::atomic<int> reused_tokens{0};

 private:
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<LogProbabilities> tokens_;
  bool closed_ = false;
  bool ended_ = false;
  std::exception_ptr failure_;
};

// The receiver's end. Destroying it cancels the generation.
std::unique_ptr<TokenStream> read_from(std::shared_ptr<TokenChannel> channel);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_TOKEN_CHANNEL_H_
