// The routes: one file for each resource, each with one function that adds its handlers.
//
// A handler validates, calls one part of the engine and shapes the answer; what a request means is
// decided in the rooms below.
#ifndef TANDEM_SERVER_ROUTES_ROUTES_H_
#define TANDEM_SERVER_ROUTES_ROUTES_H_

#include <cstdint>
#include <string_view>

#include "server/answers/records.h"
#include "server/engine.h"
#include "server/http_server.h"
#include "server/metrics.h"
#include "server/release_jobs.h"
#include "server/responses/records.h"
#include "server/tuning/jobs.h"
#include "server/uploaded_files.h"
#include "server/vector_stores/vector_stores.h"

namespace tandem {

// What handlers work with; outlives the server. A handler that needs models takes one
// engine.release() when it begins and uses no other.
struct RouteContext {
  Engine& engine;
  ReleaseJobs& releases;
  UploadedFiles& files;
  VectorStores& vector_stores;
  TuningJobs& tuning;
  ResponseRecords& responses;
  AnswerRecords& answers;
  Metrics& metrics;
  std::int64_t started_at_unix_s = 0;
  bool admin = false;  // whether models may be changed
};

// Sent with each answer that a model had a part in: the name of its release.
inline constexpr char kReleaseHeader[] = "x-tandem-release";

void add_chat_routes(HttpServer& server, RouteContext& context);
void add_response_routes(HttpServer& server, RouteContext& context);
void add_feedback_routes(HttpServer& server, RouteContext& context);
void add_trace_routes(HttpServer& server, RouteContext& context);
void add_embedding_routes(HttpServer& server, RouteContext& context);
void add_model_routes(HttpServer& server, RouteContext& context);
void add_search_routes(HttpServer& server, RouteContext& context);
void add_rerank_routes(HttpServer& server, RouteContext& context);
void add_tokenize_routes(HttpServer& server, RouteContext& context);
void add_document_routes(HttpServer& server, RouteContext& context);
void add_release_routes(HttpServer& server, RouteContext& context);
void add_file_routes(HttpServer& server, RouteContext& context);
void add_fine_tuning_routes(HttpServer& server, RouteContext& context);
void add_vector_store_routes(HttpServer& server, RouteContext& context);
void add_vector_store_file_routes(HttpServer& server, RouteContext& context);
void add_health_routes(HttpServer& server, RouteContext& context);
void add_metrics_routes(HttpServer& server, RouteContext& context);
void add_page_routes(HttpServer& server);
void add_openapi_routes(HttpServer& server);

// Throw RequestError (403) where the store is open for reading only, and where models, which decide
// what everybody is answered, may not be changed from other machines.
void check_writable(const RouteContext& context);
void check_may_change_models(const RouteContext& context);

// Throws RequestError (404) for a collection that is a vector store which was deleted or has
// expired, and whose documents may not be gone yet.
void check_collection_served(const RouteContext& context, std::string_view collection);

// Tells the client when to look again at what is in progress.
void ask_to_poll(const Exchange& exchange);

// Throw RequestError (404, "model_not_found") naming the models there are, or where the release has
// no generator. A name of an encoder means that encoder and no other, since vectors of two cannot
// be compared; that of a generator of any release, or "tandem", means the one that serves, so that
// a switch does not turn clients away. The name of the release that serves ("r3") means its
// generator.
void check_encoder_name(std::string_view given, const ServedRelease& release);
void check_reranker_name(std::string_view given, const ServedRelease& release);
void check_generator_name(std::string_view given, const ServedRelease& release, const Store& store);

}  // namespace tandem

#endif  // TANDEM_SERVER_ROUTES_ROUTES_H_
