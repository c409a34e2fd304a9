#include "server/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "indexer/chunker.h"
#include "model/threads.h"
#include "server/access/audit_log.h"
#include "server/access/gate.h"
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

AuditEntry audit_entry(const Exchange& exchange, int status) {
  AuditEntry entry{.caller = exchange.caller(),
                   .client = {},
                   .method = exchange.request().method,
                   .path = exchange.request().path,
                   .status = status,
                   .request_id = exchange.id()};
  int port = 0;
  exchange.connection().get_remote_ip_and_port(entry.client, port);
  return entry;
}

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
        context_{engine,     releases_, files_,   vector_stores_,    tuning_,
                 responses_, answers_,  metrics_, std::time(nullptr)},
        gate_(engine.store->folder(), gate_options(options)),
        audit_(engine.ingestor ? std::make_unique<AuditLog>(engine.store->folder()) : nullptr),
        http_(http_options(options, gate_, audit_.get()), metrics_) {
    tell_who_may(options);
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
  static GateOptions gate_options(const ServerOptions& options) {
    return {.anonymous = options.anonymous,
            .loopback = is_loopback_host(options.host),
            .steady_now = [] { return std::chrono::steady_clock::now().time_since_epoch(); },
            .now_unix_s = [] { return static_cast<std::int64_t>(std::time(nullptr)); }};
  }

  void tell_who_may(const ServerOptions& options) {
    const Scope scope = gate_.anonymous_scope();
    if (!gate_.has_keys() && scope == Scope::kNone) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("nobody could use a server at {}: the store has no API key, and without "
                      "one only this machine is served",
                      options.host),
          "make a key with 'tandem keys add NAME', or say with --anonymous what everybody "
          "may do who can reach it");
    }
    if (!gate_.has_keys() && is_loopback_host(options.host)) {
      log_info(
          "no API key is needed (there is none): whoever is on this machine may do everything");
    } else if (scope != Scope::kNone) {
      log_warning("without an API key everybody who can reach {} has the scope '{}'", options.host,
                  name_of(scope));
    }
  }

  static HttpServerOptions http_options(const ServerOptions& options, Gate& gate, AuditLog* audit) {
    HttpServerOptions http;
    http.host = options.host;
    http.port = options.port;
    http.worker_threads = options.worker_threads;
    http.max_waiting = options.max_waiting;
    http.tls = options.tls;
    http.limits.max_body_bytes = options.max_body_bytes;
    http.admit = [&gate](const httplib::Request& request, const RouteAccess& access) {
      return gate.admit(request.get_header_value("Authorization"), access,
                        request.get_header_value("x-tandem-who"));
    };
    if (audit != nullptr) {
      http.answered = [audit](const Exchange& exchange, int status) {
        if (AuditLog::wants(exchange.needed_scope(), status)) {
          audit->write(audit_entry(exchange, status));
        }
      };
    }
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
  Gate gate_;
  const std::unique_ptr<AuditLog> audit_;  // null where nothing may be written
  HttpServer http_;
  std::unique_ptr<VectorStoreWorker> vector_store_worker_;  // null where nothing may be written
};

}  // namespace

std::unique_ptr<Server> Server::start(Engine& engine, const ServerOptions& options) {
  return std::make_unique<TandemServer>(engine, options);
}

}  // namespace tandem
