#include "server/server.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>

#include "indexer/chunker.h"
#include "model/threads.h"
#include "server/answers/records.h"
#include "server/http_server.h"
#include "server/metrics.h"
#include "server/origin.h"
#include "server/release_jobs.h"
#include "server/responses/records.h"
#include "server/routes/routes.h"
#include "server/tuning/jobs.h"
#include "server/uploaded_files.h"
#include "server/vector_stores/vector_stores.h"
#include "server/vector_stores/worker.h"

namespace tandem {
namespace {

class TandemServer : public Server {
 public:
  TandemServer(Engine& engine, const ServerOptions& options)
      : releases_(engine),
        files_(engine.store->folder(), engine.ingestor == nullptr),
        vector_stores_(vector_store_surroundings(engine)),
        tuning_(tuning_surroundings(engine)),
        responses_(engine.store->folder(), engine.ingestor == nullptr),
        answers_(engine.store->folder(), engine.ingestor == nullptr,
                 {.count = options.keep_answers, .bytes = kAnswerLimits.bytes}),
        context_{engine,
                 releases_,
                 files_,
                 vector_stores_,
                 tuning_,
                 responses_,
                 answers_,
                 metrics_,
                 std::time(nullptr),
                 options.admin || is_loopback_host(options.host)},
        http_(http_options(options), metrics_) {
    if (engine.ingestor) {
      vector_store_worker_ =
          std::make_unique<VectorStoreWorker>(vector_stores_, *engine.ingestor, files_);
    }
    add_chat_routes(http_, context_);
    add_response_routes(http_, context_);
    add_feedback_routes(http_, context_);
    add_trace_routes(http_, context_);
    add_embedding_routes(http_, context_);
    add_model_routes(http_, context_);
    add_search_routes(http_, context_);
    add_rerank_routes(http_, context_);
    add_tokenize_routes(http_, context_);
    add_document_routes(http_, context_);
    add_release_routes(http_, context_);
    add_file_routes(http_, context_);
    add_fine_tuning_routes(http_, context_);
    add_vector_store_routes(http_, context_);
    add_health_routes(http_, context_);
    add_metrics_routes(http_, context_);
    add_page_routes(http_);
    add_openapi_routes(http_);
  }

  int port() const override { return http_.port(); }
  std::vector<std::string> routes() const override { return http_.routes(); }
  void run() override { http_.run(); }
  void stop() override { http_.stop(); }

 private:
  static HttpServerOptions http_options(const ServerOptions& options) {
    HttpServerOptions http;
    http.host = options.host;
    http.port = options.port;
    http.worker_threads = options.worker_threads;
    http.limits.max_body_bytes = options.max_body_bytes;
    return http;
  }

  VectorStoreSurroundings vector_store_surroundings(Engine& engine) const {
    return {.store = *engine.store,
            .ingestor = engine.ingestor.get(),
            .files = files_,
            .passage_tokens =
                [&engine](std::size_t asked) {
                  return chunk_options(*engine.release()->encoder, asked).max_tokens;
                },
            .now_unix_s = [] { return static_cast<std::int64_t>(std::time(nullptr)); }};
  }

  TuningSurroundings tuning_surroundings(Engine& engine) {
    return {.store = *engine.store,
            .files = files_,
            .make_release =
                [this](const ReleaseModels& models, bool promote, const std::atomic<bool>& stop) {
                  return releases_.make(models, promote, stop);
                },
            .program = std::filesystem::read_symlink("/proc/self/exe"),
            // The other half is for those who wait for an answer.
            .threads = std::max(1, compute_threads() / 2),
            .read_only = engine.ingestor == nullptr};
  }

  Metrics metrics_;
  ReleaseJobs releases_;
  UploadedFiles files_;
  VectorStores vector_stores_;
  TuningJobs tuning_;
  ResponseRecords responses_;
  AnswerRecords answers_;
  RouteContext context_;
  HttpServer http_;
  std::unique_ptr<VectorStoreWorker> vector_store_worker_;  // null where nothing may be written
};

}  // namespace

std::unique_ptr<Server> Server::start(Engine& engine, const ServerOptions& options) {
  return std::make_unique<TandemServer>(engine, options);
}

}  // namespace tandem
