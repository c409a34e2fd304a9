// The routes: one file for each resource, each with one function that adds its handlers.
//
// A handler validates, calls one part of the engine and shapes the answer; what a request means is
// decided in the rooms below.
#ifndef TANDEM_SERVER_ROUTES_ROUTES_H_
#define TANDEM_SERVER_ROUTES_ROUTES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "server/answers/records.h"
#include "server/engine.h"
#include "server/file_search.h"
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

// Throws RequestError (403) where the store is open for reading only.
void check_writable(const RouteContext& context);

// What a handler of Reach::kCollections asks before it reads or changes something. A collection
// that the caller may not use gets the same 403 whether or not it is there, and an object of
// another caller the same 404 as none.
//
// The collection that is meant where none is named: "default", or the only one that the caller may
// use. Throws RequestError (400) where that leaves several.
std::string default_collection(const Exchange& exchange);
void check_may_use(const Exchange& exchange, std::string_view collection);
// Also throws RequestError (404) for one that is a vector store which was deleted or has expired,
// and whose documents may not be gone yet.
void check_collection(const Exchange& exchange, const RouteContext& context,
                      std::string_view collection);
// Of the vector stores that a request is to be answered from; names the field at fault.
void check_file_search(const Exchange& exchange, const RouteContext& context,
                       const FileSearch& tool);
// An answer that was kept.
bool may_see(const Exchange& exchange, const AnswerRecord& record);
// The {id} of a path below /v1/vector_stores/.
std::string vector_store_of(const Exchange& exchange);
// Whether there is a document that the caller may not see. Reads nothing for those who see all.
bool is_hidden(const Exchange& exchange, const RouteContext& context, std::string_view collection,
               std::string_view id);
// Of a document that is to be added, by an id that there may be already. 403 where that is one
// which the caller may not see.
void check_may_replace(const Exchange& exchange, const RouteContext& context,
                       std::string_view collection, std::string_view id);
// Of files that are to be read into a vector store.
void check_files(const Exchange& exchange, const RouteContext& context,
                 std::string_view vector_store, std::span<const AddedFile> files);
[[noreturn]] void throw_no_file(std::string_view id, std::string param);

// Tells the client when to look again at what is in progress.
inline constexpr int kReadingPollMs = 250;  // soon enough for small files, seldom enough for large
inline constexpr int kTrainingPollMs = 1000;
void ask_to_poll(const Exchange& exchange, int after_ms);

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
