#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace tandem {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using Buckets = prometheus::Histogram::BucketBoundaries;

// From a listing of documents (a millisecond) to a long answer on a slow machine.
const Buckets& latency_buckets() {
  static const Buckets buckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                  0.5,   1,      2.5,   5,    10,    30,   60,  120};
  return buckets;
}

constexpr std::pair<TextKind, const char*> kTextKinds[] = {
    {TextKind::kQuery, "query"}, {TextKind::kPassage, "passage"}, {TextKind::kPlain, "plain"}};

// What stands in the folder of a store, by the names of its parts: "db", "segments", "files", …
std::map<std::string, std::uintmax_t> part_sizes(const std::filesystem::path& store) {
  namespace fs = std::filesystem;
  std::map<std::string, std::uintmax_t> sizes;
  // Files come and go meanwhile: what cannot be read counts nothing.
  std::error_code ignored;
  const auto add = [&](const std::string& part, const fs::directory_entry& entry) {
    if (!entry.is_regular_file(ignored)) return;
    const std::uintmax_t size = entry.file_size(ignored);
    if (!ignored) sizes[part] += size;
  };
  for (fs::directory_iterator part(store, ignored), end; part != end; part.increment(ignored)) {
    if (!part->is_directory(ignored)) continue;
    // "segments.2" are those of another set of vectors.
    const std::string name = part->path().filename().string();
    const std::string label = name.substr(0, name.find('.'));
    if (label.empty()) continue;
    sizes[label];
    fs::recursive_directory_iterator file(part->path(), ignored);
    for (const fs::recursive_directory_iterator last; file != last; file.increment(ignored)) {
      add(label, *file);
    }
  }
  return sizes;
}

// What another counts since its own beginning, which comes again with a new release.
class Follower {
 public:
  explicit Follower(prometheus::Counter& counter) : counter_(counter) {}
  void follow(double total) {
    counter_.Increment(total >= last_ ? total - last_ : total);
    last_ = total;
  }

 private:
  prometheus::Counter& counter_;
  double last_ = 0;
};

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      BuildCounter()
          .Name("tandem_http_requests_total")
          .Help("Requests answered, by method, route and status; 499: the client left first.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& request_seconds =
      BuildHistogram()
          .Name("tandem_http_request_seconds")
          .Help("Time from the request line to the last byte of the response.")
          .Register(registry);
  prometheus::Counter& rejected =
      BuildCounter()
          .Name("tandem_http_connections_rejected_total")
          .Help("Connections refused with 429 because too many were waiting.")
          .Register(registry)
          .Add({});
  prometheus::Gauge& connections_waiting = BuildGauge()
                                               .Name("tandem_http_connections_waiting")
                                               .Help("Connections that wait for a worker.")
                                               .Register(registry)
                                               .Add({});
  prometheus::Gauge& in_flight = BuildGauge()
                                     .Name("tandem_generations_in_flight")
                                     .Help("Answers being generated now.")
                                     .Register(registry)
                                     .Add({});
  prometheus::Histogram& first_token =
      BuildHistogram()
          .Name("tandem_time_to_first_token_seconds")
          .Help("Time from the request line to the first piece of an answer.")
          .Register(registry)
          .Add({}, latency_buckets());
  prometheus::Histogram& decode_speed =
      BuildHistogram()
          .Name("tandem_decode_tokens_per_second")
          .Help("Tokens a second of one answer, from its first one on.")
          .Register(registry)
          .Add({}, Buckets{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000});
  prometheus::Histogram& retrieval = BuildHistogram()
                                         .Name("tandem_retrieval_seconds")
                                         .Help("Time to find the passages of an answer.")
                                         .Register(registry)
                                         .Add({}, latency_buckets());
  prometheus::Family<prometheus::Counter>& generations =
      BuildCounter()
          .Name("tandem_generations_total")
          .Help("Answers generated, by how they ended.")
          .Register(registry);
  prometheus::Counter& prompt_tokens = BuildCounter()
                                           .Name("tandem_prompt_tokens_total")
                                           .Help("Tokens of prompts that were processed.")
                                           .Register(registry)
                                           .Add({});
  prometheus::Counter& generated_tokens = BuildCounter()
                                              .Name("tandem_generated_tokens_total")
                                              .Help("Tokens that were generated.")
                                              .Register(registry)
                                              .Add({});
  prometheus::Family<prometheus::Gauge>& documents =
      BuildGauge().Name("tandem_documents").Help("Documents in the store.").Register(registry);
  prometheus::Family<prometheus::Gauge>& passages =
      BuildGauge().Name("tandem_passages").Help("Passages in the store.").Register(registry);
  prometheus::Family<prometheus::Gauge>& scheduler =
      BuildGauge()
          .Name("tandem_scheduler")
          .Help(
              "The generator's scheduler, by what: running and waiting generations, cache blocks "
              "in use and their limit, bytes of the cache that a token takes; since the start: "
              "steps, tokens of prompts computed and "
              "found computed, tokens drafted and accepted.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& encoder_calls =
      BuildCounter()
          .Name("tandem_encoder_calls_total")
          .Help(
              "Calls of the encoder, by what they encode: a query, passages, or plain texts, as "
              "for embeddings and citations.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& encoder_texts = BuildCounter()
                                                               .Name("tandem_encoder_texts_total")
                                                               .Help("Texts that were encoded.")
                                                               .Register(registry);
  prometheus::Family<prometheus::Counter>& encoder_seconds =
      BuildCounter()
          .Name("tandem_encoder_seconds_total")
          .Help("Time that calls of the encoder took, all together.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& store_bytes =
      BuildGauge()
          .Name("tandem_store_bytes")
          .Help(
              "What the folder of the store takes on the disk, by its parts: db is the truth, "
              "segments the index of vectors.")
          .Register(registry);
  struct EncoderFollower {
    Follower calls;
    Follower texts;
    Follower seconds;
  };
  std::mutex encoder_mutex;
  std::map<TextKind, EncoderFollower> encoder_followers;
  std::mutex sizes_mutex;
  std::set<std::string> known_collections;

  void update_scheduler(const SchedulerState& now) {
    const auto set = [&](const char* what, std::uint64_t value) {
      scheduler.Add({{"what", what}}).Set(static_cast<double>(value));
    };
    set("running", now.running);
    set("waiting", now.waiting);
    set("cache_blocks_in_use", now.cache_blocks_in_use);
    set("cache_block_limit", now.cache_block_limit);
    set("cache_position_bytes", now.cache_position_bytes);
    set("steps", now.steps);
    set("prompt_tokens", now.prompt_tokens);
    set("reused_tokens", now.reused_tokens);
    set("drafted_tokens", now.drafted_tokens);
    set("accepted_tokens", now.accepted_tokens);
  }

  void update_encoder(const Encoder& encoder) {
    const std::lock_guard lock(encoder_mutex);
    for (const auto& [kind, name] : kTextKinds) {
      const prometheus::Labels labels = {{"kind", name}};
      auto& follower =
          encoder_followers
              .try_emplace(kind, EncoderFollower{Follower(encoder_calls.Add(labels)),
                                                 Follower(encoder_texts.Add(labels)),
                                                 Follower(encoder_seconds.Add(labels))})
              .first->second;
      const EncoderWork work = encoder.work(kind);
      follower.calls.follow(static_cast<double>(work.calls));
      follower.texts.follow(static_cast<double>(work.texts));
      follower.seconds.follow(work.seconds);
    }
  }

  void update_sizes(const Store& store) {
    const std::lock_guard lock(sizes_mutex);
    for (const auto& [part, size] : part_sizes(store.folder())) {
      store_bytes.Add({{"part", part}}).Set(static_cast<double>(size));
    }
    // A collection that has become empty is no longer listed, but its last size must not stay.
    for (const std::string& name : known_collections) {
      documents.Add({{"collection", name}}).Set(0);
      passages.Add({{"collection", name}}).Set(0);
    }
    for (const CollectionInfo& collection : store.list_collections()) {
      known_collections.insert(collection.name);
      documents.Add({{"collection", collection.name}})
          .Set(static_cast<double>(collection.document_count));
      passages.Add({{"collection", collection.name}})
          .Set(static_cast<double>(collection.passage_count));
    }
  }
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::count_request(std::string_view method, std::string_view route, int status,
                            double seconds) {
  state_->requests
      .Add({{"method", std::string(method)},
            {"route", std::string(route)},
            {"status", std::to_string(status)}})
      .Increment();
  state_->request_seconds.Add({{"route", std::string(route)}}, latency_buckets()).Observe(seconds);
}

void Metrics::count_rejected_connection() {
  state_->rejected.Increment();
}

void Metrics::count_waiting(int more) {
  state_->connections_waiting.Increment(more);
}

Metrics::InFlight::InFlight(Metrics& metrics, std::size_t count)
    : metrics_(metrics), count_(static_cast<double>(count)) {
  metrics_.state_->in_flight.Increment(count_);
}
Metrics::InFlight::~InFlight() {
  metrics_.state_->in_flight.Decrement(count_);
}

void Metrics::observe_first_token(double seconds) {
  state_->first_token.Observe(seconds);
}

void Metrics::count_answers(std::span<const Answer> answers) {
  for (const Answer& answer : answers) {
    const GenerationResult& generation = answer.generation;
    state_->generations.Add({{"finish_reason", std::string(to_string(generation.finish_reason))}})
        .Increment();
    state_->generated_tokens.Increment(generation.completion_tokens);
    // The clock runs from the first token.
    if (generation.completion_tokens > 1 && generation.decode_seconds > 0) {
      state_->decode_speed.Observe((generation.completion_tokens - 1) / generation.decode_seconds);
    }
  }
  const Answer& first = answers.front();
  state_->prompt_tokens.Increment(first.generation.prompt_tokens);
  if (first.retrieval_seconds > 0) state_->retrieval.Observe(first.retrieval_seconds);
}

std::string Metrics::serialize(const Store& store, const ServedRelease& release) {
  state_->update_sizes(store);
  state_->update_encoder(*release.encoder);
  if (release.generator) state_->update_scheduler(release.generator->state());
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "stop";
}

}  // namespace tandem
