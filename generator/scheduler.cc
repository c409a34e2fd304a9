#include "generator/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "generator/prefix_cache.h"
#include "generator/scheduled_sequence.h"
#include "generator/token_channel.h"
#include "model/kernels/attention.h"
#include "model/kv_window.h"

namespace tandem {
namespace {

using Clock = std::chrono::steady_clock;

// Passages that other instructions read, or that went through a cache of 8 bits, are not quite the
// same: a text must not depend on which machine read its passages first.
PassageCacheOptions passage_options(const SchedulerOptions& options,
                                    const DecoderExecutor& decoder) {
  PassageCacheOptions passages = options.passages;
  passages.model += fmt::format(" {} {}", decoder.arithmetic(),
                                options.cache_type == KvType::kInt8 ? "int8" : "half");
  return passages;
}

// Logits of drafts that one step may give: so many take 64 MB.
constexpr std::size_t kDraftLogits = std::size_t{16} << 20;

}  // namespace

class Scheduler::Impl {
 public:
  Impl(std::unique_ptr<DecoderExecutor> decoder, const SchedulerOptions& options)
      : options_(options),
        decoder_(std::move(decoder)),
        prompt_budget_(options.prompt_tokens > 0 ? options.prompt_tokens
                                                 : decoder_->prompt_tokens_per_step()),
        draft_budget_(kDraftLogits / static_cast<std::size_t>(decoder_->config().vocabulary_size)),
        own_pool_(decoder_->make_pool(options.cache_bytes, options.cache_type)),
        pool_(*own_pool_),
        prefixes_(pool_),
        passages_(decoder_->config(), passage_options(options, *decoder_)),
        thread_([this] { run(); }) {
    const std::lock_guard lock(mutex_);
    state_.cache_position_bytes = pool_.block_bytes() / kernels::kBlockPositions;
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      woken_.notify_one();
    }
    thread_.join();
  }

  const DecoderConfig& config() const { return decoder_->config(); }
  bool goes_past_context() const { return options_.window && window_fits(config().context_length); }

  std::unique_ptr<TokenStream> submit(SequenceRequest request) {
    TANDEM_CHECK(!request.prompt.empty() && request.max_tokens > 0);
    check(request.sampling);
    int past = 0;
    for (const PositionRange& range : request.passages) {
      TANDEM_CHECK(past <= range.begin && range.begin < range.end);
      past = range.end;
    }
    TANDEM_CHECK(static_cast<std::size_t>(past) < request.prompt.size());
    // One such token would end the step for everybody.
    for (const TokenId token : request.prompt) {
      if (token < 0 || token >= config().vocabulary_size)
        throw Error(ErrorCode::kInvalidArgument,
                    fmt::format("token {} is not in the vocabulary of {}", token,
                                config().vocabulary_size));
    }
    const std::size_t blocks = blocks_needed(request);
    if (blocks > pool_.block_limit())
      throw Error(
          ErrorCode::kTooLarge,
          fmt::format("a prompt of {} tokens and an answer of {} need {} MB of cache, but "
                      "the limit is {} MB",
                      request.prompt.size(), request.max_tokens, blocks * pool_.block_bytes() >> 20,
                      pool_.block_limit() * pool_.block_bytes() >> 20),
          "ask for fewer tokens, or give the server a larger cache");
    std::vector<std::shared_ptr<const PassageKv>> passages;
    for (const PositionRange& range : request.passages)
      passages.push_back(passages_.find(tokens_of(request, range)));
    auto channel = std::make_shared<TokenChannel>();
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(request), channel, std::move(passages)});
    state_.waiting = waiting_.size();
    woken_.notify_one();
    return read_from(std::move(channel));
  }

  SchedulerState state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

 private:
  // The last token of an answer is never computed further, but a draft may be. A passage takes
  // blocks of its own until it has been put in; those that are known do not, which is not counted
  // on.
  std::size_t blocks_needed(const SequenceRequest& request) const {
    std::size_t blocks =
        kv_blocks_for(will_forget(request) ? context_length() : longest_length(request));
    for (const PositionRange& range : request.passages)
      blocks += kv_blocks_for(static_cast<std::size_t>(range.end - range.begin));
    return blocks;
  }

  static std::size_t longest_length(const SequenceRequest& request) {
    return request.prompt.size() + static_cast<std::size_t>(request.max_tokens);
  }
  std::size_t context_length() const { return static_cast<std::size_t>(config().context_length); }
  bool will_forget(const SequenceRequest& request) const {
    return goes_past_context() && longest_length(request) > context_length();
  }

  void run() {
    while (true) {
      drop_cancelled();
      if (!admit()) break;
      if (running_.empty()) continue;
      try {
        step();
      } catch (const std::exception&) {
        // No memory, or a fault in the decoder: it concerns every sequence of the step.
        for (auto& running : running_) running->channel->close(false, std::current_exception());
        running_.clear();
      }
    }
    for (auto& running : running_) running->channel->close(false);
    for (auto& waiting : waiting_) waiting.channel->close(false);
    running_.clear();
  }

  void drop_cancelled() {
    std::erase_if(running_, [](const auto& running) {
      if (!running->channel->cancelled) return false;
      running->channel->close(false);
      return true;
    });
  }

  // Takes in what fits, waiting for a request if nothing runs. False when it is time to end.
  bool admit() {
    std::unique_lock lock(mutex_);
    if (running_.empty()) {
      show_load();
      woken_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    }
    if (stopping_) return false;
    while (!waiting_.empty() && running_.size() < options_.max_running) {
      if (waiting_.front().channel->cancelled) {
        waiting_.front().channel->close(false);
        waiting_.pop_front();
        continue;
      }
      if (!make_room(waiting_.front().request)) break;
      const auto channel = waiting_.front().channel;
      try {
        begin(std::move(waiting_.front()));
      } catch (const std::exception&) {
        channel->close(false, std::current_exception());
      }
      waiting_.pop_front();
    }
    show_load();
    return true;
  }

  // For whoever holds the mutex.
  void show_load() {
    state_.waiting = waiting_.size();
    state_.running = running_.size();
    state_.cache_blocks_in_use = pool_.blocks_in_use();
    state_.cache_block_limit = pool_.block_limit();
  }

  // Whether the longest answer of a request fits beside those of the running ones. Blocks that it
  // may share are not counted off: its own copy of the last one could be needed.
  bool make_room(const SequenceRequest& request) {
    std::size_t promised = blocks_needed(request);
    for (const auto& running : running_) {
      const KvSequence& sequence = running->sequence;
      // Whoever forgets some blocks writes to all that follow.
      const std::size_t has =
          will_forget(running->request) ? sequence.own_blocks() : sequence.blocks().size();
      promised += blocks_needed(running->request) - has;
    }
    const std::size_t free = pool_.block_limit() - pool_.blocks_in_use();
    if (promised > free) prefixes_.evict(promised - free);
    return promised <= pool_.block_limit() - pool_.blocks_in_use();
  }

  void begin(WaitingSequence waiting) {
    const auto passages = std::move(waiting.passages);
    auto running = std::make_unique<RunningSequence>(std::move(waiting), pool_);
    const std::vector<KvBlock> known = prefixes_.find(shared_prefix(running->request));
    int reused = static_cast<int>(known.size() * kernels::kBlockPositions);
    running->sequence.adopt(known, reused);
    for (std::size_t i = 0; i < passages.size(); ++i) {
      const auto tokens = tokens_of(running->request, running->request.passages[i]);
      // It may have become known while the request waited.
      const auto known_by_now =
          passages[i] != nullptr ? passages[i] : passages_.find_in_memory(tokens);
      if (known_by_now != nullptr) reused += static_cast<int>(tokens.size());
      running->readings.push_back(reading_of(tokens, known_by_now));
    }
    running->channel->reused_tokens = reused;
    state_.reused_tokens += static_cast<std::uint64_t>(reused);
    running_.push_back(std::move(running));
  }

  // What the prompt may have in common with others: nothing from its first passage on, since what
  // follows one that was read by itself is other than what follows the same tokens read together.
  // The last token is always computed, for its logits.
  static std::span<const TokenId> shared_prefix(const SequenceRequest& request) {
    return std::span(request.prompt)
        .first(request.passages.empty() ? request.prompt.size() - 1
                                        : static_cast<std::size_t>(request.passages[0].begin));
  }

  // The same one for all that wait for the same passage.
  std::shared_ptr<ReadPassage> reading_of(std::span<const TokenId> passage,
                                          std::shared_ptr<const PassageKv> kv) {
    for (const auto& running : running_) {
      for (const auto& reading : running->readings)
        if (std::ranges::equal(reading->tokens, passage)) return reading;
    }
    auto reading = std::make_shared<ReadPassage>(passage, pool_);
    reading->kv = std::move(kv);
    return reading;
  }

  // Puts in the passages that are known by now and whose turn it is.
  void put_in_passages(RunningSequence& running) {
    while (!running.readings.empty() && running.computed() == running.reach()) {
      const std::shared_ptr<const PassageKv> kv = running.readings.front()->kv;
      if (kv == nullptr) return;
      TANDEM_CHECK(running.sequence.reserve(running.next_passage().end));
      decoder_->append(*kv, running.sequence);
      running.readings.pop_front();
    }
  }

  // The next pieces of the passages that a sequence waits for.
  void add_readings(const RunningSequence& running, std::size_t& budget,
                    std::vector<DecoderSegment>& segments, std::vector<ReadPassage*>& read) {
    for (const auto& reading : running.readings) {
      if (reading->kv != nullptr || reading->step == step_) continue;
      const std::size_t count = std::min(budget, reading->left());
      if (count == 0) return;
      reading->step = step_;
      budget -= count;
      const int done = reading->sequence.length();
      TANDEM_CHECK(reading->sequence.reserve(done + static_cast<int>(count)));
      segments.push_back(
          {&reading->sequence,
           std::span<const TokenId>(reading->tokens).subspan(static_cast<std::size_t>(done), count),
           TokenKind::kPrompt, 0});
      read.push_back(reading.get());
    }
  }

  void keep_passages(const std::vector<ReadPassage*>& read) {
    for (ReadPassage* const reading : read) {
      if (reading->left() > 0) continue;
      reading->kv = decoder_->pack(reading->sequence);
      reading->sequence.clear();
      passages_.insert(reading->tokens, reading->kv);
    }
  }

  void step() {
    std::vector<RunningSequence*> members;
    std::vector<DecoderSegment> segments;
    std::vector<ReadPassage*> read;
    std::size_t budget = prompt_budget_;
    std::size_t draft_budget = draft_budget_;
    std::size_t logit_rows = 0;
    ++step_;
    for (const auto& running : running_) {
      if (room_in_context(*running) == 0) forget(*running);
      put_in_passages(*running);
      add_readings(*running, budget, segments, read);
      const TokenKind kind = running->in_prompt() ? TokenKind::kPrompt : TokenKind::kDecoded;
      if (!choose_tokens(*running, budget, draft_budget)) continue;
      members.push_back(running.get());
      segments.push_back({&running->sequence, running->tokens, kind, running->logit_count});
      logit_rows += static_cast<std::size_t>(running->logit_count);
    }
    const auto vocabulary = static_cast<std::size_t>(decoder_->config().vocabulary_size);
    logits_.resize(std::max(logits_.size(), logit_rows * vocabulary));
    decoder_->forward(segments, std::span(logits_).first(logit_rows * vocabulary));
    keep_passages(read);

    std::span<float> rows(logits_);
    std::vector<const RunningSequence*> finished;
    for (RunningSequence* const running : members) {
      const auto count = static_cast<std::size_t>(running->logit_count);
      if (count > 0 && !take(*running, rows.first(count * vocabulary))) finished.push_back(running);
      rows = rows.subspan(count * vocabulary);
    }
    std::erase_if(running_, [&](const auto& running) {
      return std::find(finished.begin(), finished.end(), running.get()) != finished.end();
    });
    const std::lock_guard lock(mutex_);
    state_.steps += 1;
    for (const DecoderSegment& segment : segments)
      if (segment.kind == TokenKind::kPrompt) state_.prompt_tokens += segment.tokens.size();
    state_.decoded_tokens += std::exchange(given_, 0);
    state_.drafted_tokens += std::exchange(drafted_, 0);
    state_.accepted_tokens += std::exchange(accepted_, 0);
  }

  // Positions left before something must be forgotten. This always happens at the same lengths,
  // however prompts are cut into pieces and whatever is drafted, so that a text does not depend on
  // that.
  std::size_t room_in_context(const RunningSequence& running) const {
    if (!will_forget(running.request)) return std::numeric_limits<std::size_t>::max();
    return context_length() - static_cast<std::size_t>(running.sequence.length());
  }

  void forget(RunningSequence& running) {
    const int count = forgotten_blocks(config().context_length);
    if (!decoder_->forget(running.sequence, kSinkBlocks, count)) {
      prefixes_.evict(running.sequence.blocks().size());
      TANDEM_CHECK(decoder_->forget(running.sequence, kSinkBlocks, count));
    }
    running.forgotten += static_cast<std::size_t>(count) * kernels::kBlockPositions;
  }

  // What a sequence brings into the step; false if it has to wait for another one.
  bool choose_tokens(RunningSequence& running, std::size_t& budget, std::size_t& draft_budget) {
    const std::size_t done = running.computed();
    running.drafted = 0;
    if (running.in_prompt()) {
      const std::size_t count =
          std::min({budget, running.reach() - done, room_in_context(running)});
      if (count == 0) return false;
      budget -= count;
      const auto from = running.context.begin() + static_cast<std::ptrdiff_t>(done);
      running.tokens.assign(from, from + static_cast<std::ptrdiff_t>(count));
      running.logit_count = done + count == running.request.prompt.size() ? 1 : 0;
    } else {
      running.tokens.assign(1, running.context.back());
      // The step itself gives one more token than the draft has.
      const std::size_t left =
          std::min(static_cast<std::size_t>(running.request.max_tokens) - running.given(),
                   room_in_context(running)) -
          1;
      if (running.request.drafts && left > 0 && draft_budget > 0) {
        const auto draft = running.drafter.draft(running.context, std::min(left, draft_budget));
        running.tokens.insert(running.tokens.end(), draft.begin(), draft.end());
        running.drafted = draft.size();
        draft_budget -= draft.size();
      }
      running.logit_count = static_cast<int>(running.tokens.size());
    }
    // Room was promised when the request was admitted.
    TANDEM_CHECK(running.sequence.reserve(running.sequence.length() +
                                          static_cast<int>(running.tokens.size())));
    return true;
  }

  // Chooses tokens by the logits of the step for as long as they are those of the draft, whose
  // following logits hold then as well: the same tokens, and the same random numbers, as one by
  // one. False when the generation is over.
  bool take(RunningSequence& running, std::span<float> logits) {
    const auto vocabulary = static_cast<std::size_t>(decoder_->config().vocabulary_size);
    const bool first = running.given() == 0;
    if (first) {
      running.channel->prefill_seconds =
          std::chrono::duration<double>(Clock::now() - running.admitted).count();
      remember(running);
    }
    std::size_t accepted = 0;
    bool over = false;
    try {
      for (std::size_t i = 0; !over; ++i) {
        LogProbabilities chosen = choose(running, logits.subspan(i * vocabulary, vocabulary));
        const TokenId token = chosen.chosen.token;
        const auto& ends = running.request.ends;
        if (std::find(ends.begin(), ends.end(), token) != ends.end()) {
          running.channel->close(true);
          over = true;
          break;
        }
        running.context.push_back(token);
        running.channel->push(std::move(chosen));
        ++given_;
        if (running.given() == static_cast<std::size_t>(running.request.max_tokens)) {
          running.channel->close(false);
          over = true;
        }
        if (i == running.drafted || token != running.tokens[i + 1]) break;
        ++accepted;
      }
    } catch (const std::exception&) {
      running.channel->close(false, std::current_exception());
      over = true;
    }
    running.drafter.learn(running.drafted, accepted);
    drafted_ += running.drafted;
    accepted_ += accepted;
    // The tokens after the last accepted one were never said.
    if (!over)
      running.sequence.truncate(static_cast<int>(running.context.size() - running.forgotten) - 1);
    return !over;
  }

  LogProbabilities choose(RunningSequence& running, std::span<float> logits) {
    const auto top_count = running.request.top_log_probabilities;
    // Choosing changes the logits.
    if (top_count) raw_logits_.assign(logits.begin(), logits.end());
    const TokenId token = choose_token(running, logits);
    if (!top_count) return {{.token = token}, {}};
    return log_probabilities(raw_logits_, token, *top_count);
  }

  static TokenId choose_token(RunningSequence& running, std::span<float> logits) {
    // What was said so far, and not the prompt: answers are to repeat their passages.
    const auto said = std::span(running.context).subspan(running.request.prompt.size());
    if (!running.form) return running.sampler.sample(logits, said);
    if (!running.form->allowed(running.allowed))
      throw Error(ErrorCode::kUnsupported,
                  "the model's vocabulary cannot spell what the schema asks for",
                  "choose another model, or a schema without characters that this one lacks");
    mask_logits(logits, running.allowed);
    const TokenId token = running.sampler.sample(logits, said);
    TANDEM_CHECK(running.form->accept(token));
    return token;
  }

  void remember(const RunningSequence& running) {
    if (running.forgotten > 0) return;  // its blocks are no beginning of its prompt any more
    const std::size_t end = running.request.passages.empty()
                                ? running.request.prompt.size()
                                : static_cast<std::size_t>(running.request.passages[0].begin);
    const std::size_t whole = end / kernels::kBlockPositions;
    prefixes_.insert(running.request.prompt, running.sequence.blocks().first(whole));
  }

  const SchedulerOptions options_;
  std::unique_ptr<DecoderExecutor> decoder_;
  const std::size_t prompt_budget_;
  const std::size_t draft_budget_;  // drafted tokens in one step
  std::unique_ptr<KvPool> own_pool_;
  KvPool& pool_;
  PrefixCache prefixes_;
  PassageCache passages_;

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;
  std::deque<WaitingSequence> waiting_;
  SchedulerState state_;

  // Of the scheduler's thread alone.
  std::vector<std::unique_ptr<RunningSequence>> running_;
  std::vector<float> logits_;
  std::vector<float> raw_logits_;  // of a token whose log-probabilities are wanted
  std::uint64_t step_ = 0;
  std::uint64_t given_ = 0;
  std::uint64_t drafted_ = 0;
  std::uint64_t accepted_ = 0;

  std::thread thread_;  // last: it uses all of the above
};

Scheduler::Scheduler(std::unique_ptr<DecoderExecutor> decoder, const SchedulerOptions& options)
    : impl_(std::make_unique<Impl>(std::move(decoder), options)) {}

Scheduler::~Scheduler() = default;

const DecoderConfig& Scheduler::config() const {
  return impl_->config();
}

bool Scheduler::goes_past_context() const {
  return impl_->goes_past_context();
}

std::unique_ptr<TokenStream> Scheduler::submit(SequenceRequest request) {
  return impl_->submit(std::move(request));
}

SchedulerState Scheduler::state() const {
  return impl_->state();
}

}  // namespace tandem
