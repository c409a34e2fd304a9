#include "server/server.h"

#include <ctime>

#include "server/http_server.h"
#include "server/metrics.h"
#include "server/origin.h"
#include "server/release_jobs.h"
#include "server/routes/routes.h"
#include "server/uploaded_files.h"

namespace tandem {
namespace {

class TandemServer : public Server {
 public:
  TandemServer(Engine& engine, const ServerOptions& options)
      : releases_(engine),
        files_(engine.store->folder(), engine.ingestor == nullptr),
        context_{engine,
                 releases_,
                 files_,
                 metrics_,
                 std::time(nullptr),
                 options.admin || is_loopback_host(options.host)},
        http_(http_options(options), metrics_) {
    add_chat_routes(http_, context_);
    add_embedding_routes(http_, context_);
    add_model_routes(http_, context_);
    add_search_routes(http_, context_);
    add_rerank_routes(http_, context_);
    add_document_routes(http_, context_);
    add_release_routes(http_, context_);
    add_file_routes(http_, context_);
    add_health_routes(http_, context_);
    add_metrics_routes(http_, context_);
    add_page_routes(http_);
  }

  int port() const override { return http_.port(); }
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

  Metrics metrics_;
  ReleaseJobs releases_;
  UploadedFiles files_;
  RouteContext context_;
  HttpServer http_;
};

}  // namespace

std::unique_ptr<Server> Server::start(Engine& engine, const ServerOptions& options) {
  return std::make_unique<TandemServer>(engine, options);
}

}  // namespace tandem
