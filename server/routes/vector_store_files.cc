// POST and GET /v1/vector_stores/{id}/files, GET, POST and DELETE …/files/{file_id}, GET
// …/files/{file_id}/content, POST …/file_batches, GET …/file_batches/{batch_id}, POST …/cancel, GET
// …/file_batches/{batch_id}/files
#include <fmt/format.h>

#include <array>
#include <utility>

#include "retriever/attribute_json.h"
#include "server/http_error.h"
#include "server/list_page.h"
#include "server/routes/routes.h"
#include "server/vector_stores/json.h"

namespace tandem {
namespace {

using nlohmann::json;
using Status = VectorStoreFile::Status;

std::optional<Status> parse_filter(const Exchange& exchange) {
  const std::string filter = exchange.query("filter");
  if (filter.empty()) return std::nullopt;
  for (const Status status :
       {Status::kInProgress, Status::kCompleted, Status::kFailed, Status::kCancelled}) {
    if (filter == to_string(status)) return status;
  }
  throw RequestError(400, "'filter' must be one of: in_progress, completed, failed, cancelled.",
                     "filter");
}

// The {file_id} of the path.
std::string file_of(const Exchange& exchange, const RouteContext& context,
                    const std::string& store) {
  std::string file = exchange.path_part(2);
  if (is_hidden(exchange, context, store, file)) throw_file_not_found(store, file);
  return file;
}

// `batch` is empty for all files.
void list(Exchange& exchange, const RouteContext& context, const std::string& batch) {
  const VectorStores& stores = context.vector_stores;
  const std::string id = vector_store_of(exchange);
  std::vector<ListPlace> places = stores.file_places(id, batch, parse_filter(exchange));
  std::erase_if(places,
                [&](const ListPlace& place) { return is_hidden(exchange, context, id, place.id); });
  const PlacesPage page = page_of_places(exchange, std::move(places), [&](std::string_view file) {
    return stores.file_place(id, file);
  });
  json data = json::array();
  for (const ListPlace& place : page.places) {
    if (const auto file = stores.look_for_file(id, place.id)) data.push_back(to_json(*file));
  }
  exchange.send_json(list_json(std::move(data), page.has_more));
}

void add(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const json body = exchange.json_body();
  const AddedFile file = parse_added_file(Fields(body));
  const std::string id = vector_store_of(exchange);
  check_files(exchange, context, id, {&file, 1});
  exchange.send_json(to_json(context.vector_stores.add_file(id, file)));
}

void retrieve(Exchange& exchange, const RouteContext& context) {
  const std::string id = vector_store_of(exchange);
  const VectorStoreFileView view =
      context.vector_stores.find_file(id, file_of(exchange, context, id));
  if (view.file.status == Status::kInProgress) ask_to_poll(exchange, kReadingPollMs);
  exchange.send_json(to_json(view));
}

void update(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const json body = exchange.json_body();
  const Fields fields(body);
  if (!fields.has("attributes")) {
    fields.fail("attributes", "is missing; nothing else of a file can change.");
  }
  const Attributes attributes = fields.attributes("attributes").value_or(Attributes());
  const std::string id = vector_store_of(exchange);
  exchange.send_json(to_json(
      context.vector_stores.set_attributes(id, file_of(exchange, context, id), attributes)));
}

void remove(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const std::string id = vector_store_of(exchange);
  const std::string file_id = file_of(exchange, context, id);
  context.vector_stores.remove_file(id, file_id);
  exchange.send_json({{"id", file_id}, {"object", "vector_store.file.deleted"}, {"deleted", true}});
}

void send_content(Exchange& exchange, const RouteContext& context) {
  const std::string id = vector_store_of(exchange);
  const std::string file_id = file_of(exchange, context, id);
  const VectorStoreFileView view = context.vector_stores.find_file(id, file_id);
  const auto document = context.engine.store->get_document(id, file_id);
  if (view.file.status != Status::kCompleted || !document) {
    throw RequestError(400,
                       fmt::format("The file '{}' has no content yet: it is '{}'.", file_id,
                                   to_string(view.file.status)),
                       "file_id", "file_not_completed");
  }
  exchange.send_json({{"object", "vector_store.file_content.page"},
                      {"file_id", document->id},
                      {"filename", document->source},
                      {"attributes", to_json(document->attributes)},
                      {"data", json::array({{{"type", "text"}, {"text", document->text}}})},
                      {"has_more", false},
                      {"next_page", nullptr}});
}

void add_batch(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const json body = exchange.json_body();
  const std::vector<AddedFile> files = parse_file_batch(Fields(body));
  const std::string id = vector_store_of(exchange);
  check_files(exchange, context, id, files);
  exchange.send_json(to_json(context.vector_stores.add_batch(id, files)));
}

void retrieve_batch(Exchange& exchange, const RouteContext& context) {
  const FileBatchView view =
      context.vector_stores.find_batch(vector_store_of(exchange), exchange.path_part(2));
  if (view.files.in_progress > 0) ask_to_poll(exchange, kReadingPollMs);
  exchange.send_json(to_json(view));
}

void cancel_batch(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  exchange.send_json(to_json(
      context.vector_stores.cancel_batch(vector_store_of(exchange), exchange.path_part(2))));
}

}  // namespace

void ask_to_poll(const Exchange& exchange, int after_ms) {
  exchange.response().set_header("openai-poll-after-ms", std::to_string(after_ms));
}

void add_vector_store_file_routes(HttpServer& server, RouteContext& context) {
  const std::string batches = "/v1/vector_stores/{id}/file_batches";
  server.add_route("POST", batches, kWritesCollections,
                   [&context](Exchange& exchange) { add_batch(exchange, context); });
  server.add_route("POST", batches + "/{batch_id}/cancel", kWritesCollections,
                   [&context](Exchange& exchange) { cancel_batch(exchange, context); });
  server.add_route(
      "GET", batches + "/{batch_id}/files", kReadsCollections,
      [&context](Exchange& exchange) { list(exchange, context, exchange.path_part(2)); });
  server.add_route("GET", batches + "/{batch_id}", kReadsCollections,
                   [&context](Exchange& exchange) { retrieve_batch(exchange, context); });
  const std::string files = "/v1/vector_stores/{id}/files";
  server.add_route("POST", files, kWritesCollections,
                   [&context](Exchange& exchange) { add(exchange, context); });
  server.add_route("GET", files, kReadsCollections,
                   [&context](Exchange& exchange) { list(exchange, context, ""); });
  server.add_route("GET", files + "/{file_id}/content", kReadsCollections,
                   [&context](Exchange& exchange) { send_content(exchange, context); });
  server.add_route("GET", files + "/{file_id}", kReadsCollections,
                   [&context](Exchange& exchange) { retrieve(exchange, context); });
  server.add_route("POST", files + "/{file_id}", kWritesCollections,
                   [&context](Exchange& exchange) { update(exchange, context); });
  server.add_route("DELETE", files + "/{file_id}", kWritesCollections,
                   [&context](Exchange& exchange) { remove(exchange, context); });
}

}  // namespace tandem
