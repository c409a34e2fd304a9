#include "generator/token_channel.h"

#include <utility>

namespace tandem {
namespace {

class Stream final : public TokenStream {
 public:
  explicit Stream(std::shared_ptr<TokenChannel> channel) : channel_(std::move(channel)) {}
  ~Stream() override { Stream::cancel(); }

  std::optional<TokenId> next() override {
    auto token = channel_->pop();
    if (!token) return std::nullopt;
    last_ = *std::move(token);
    return last_.chosen.token;
  }
  const LogProbabilities& log_probabilities() const override { return last_; }
  bool ended() const override { return channel_->ended(); }
  void cancel() override { channel_->cancelled = true; }
  double prefill_seconds() const override { return channel_->prefill_seconds; }
  int reused_tokens() const override { return channel_->reused_tokens; }

 private:
  std::shared_ptr<TokenChannel> channel_;
  LogProbabilities last_;
};

}  // namespace

void TokenChannel::push(LogProbabilities token) {
  const std::lock_guard lock(mutex_);
  tokens_.push_back(std::move(token));
  filled_.notify_one();
}

void TokenChannel::close(bool ended, std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  ended_ = ended;
  failure_ = std::move(failure);
  filled_.notify_one();
}

std::optional<LogProbabilities> TokenChannel::pop() {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [&] { return closed_ || !tokens_.empty(); });
  if (!tokens_.empty()) {
    LogProbabilities token = std::move(tokens_.front());
    tokens_.pop_front();
    return token;
  }
  if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
  return std::nullopt;
}

bool TokenChannel::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

std::unique_ptr<TokenStream> read_from(std::shared_ptr<TokenChannel> channel) {
  return std::make_unique<Stream>(std::move(channel));
}

}  // namespace tandem
