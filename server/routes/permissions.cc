// What requests may do to the server, as far as that is not a matter of the routes.
#include <fmt/format.h>

#include "server/http_error.h"
#include "server/routes/routes.h"

namespace tandem {

void check_writable(const RouteContext& context) {
  if (context.engine.ingestor == nullptr) {
    throw RequestError(403, "This server has its store open for reading only.", {}, "read_only");
  }
}

std::string default_collection(const Exchange& exchange) {
  const auto& collections = exchange.caller().collections;
  if (!collections || collections->contains(kDefaultCollection)) return kDefaultCollection;
  if (collections->size() == 1) return *collections->begin();
  throw RequestError(
      400, fmt::format("Name a collection; the API key may use {}.", fmt::join(*collections, ", ")),
      "collection", "collection_required");
}

void check_may_use(const Exchange& exchange, std::string_view collection) {
  if (exchange.caller().may_use(collection)) return;
  throw RequestError(403, fmt::format("The API key may not use the collection '{}'.", collection),
                     {}, "collection_not_allowed");
}

void check_collection(const Exchange& exchange, const RouteContext& context,
                      std::string_view collection) {
  check_may_use(exchange, collection);
  if (context.vector_stores.is_served(collection)) return;
  throw RequestError(
      404,
      fmt::format("The collection '{}' was deleted or has expired as a vector store.", collection),
      {}, "collection_not_found");
}

bool may_see(const Exchange& exchange, const AnswerRecord& record) {
  return exchange.caller().may_see(record.answer.at("owner").get<std::string>());
}

std::string vector_store_of(const Exchange& exchange) {
  std::string id = exchange.path_part(1);
  check_may_use(exchange, id);
  return id;
}

void check_file_search(const Exchange& exchange, const RouteContext& context,
                       const FileSearch& tool) {
  if (!tool.is_used()) return;
  for (const std::string& id : tool.vector_stores) {
    try {
      check_may_use(exchange, id);
      context.vector_stores.check_searchable(id);
    } catch (const RequestError& error) {
      throw RequestError(error.status(), error.what(),
                         fmt::format("{}.{}", tool.path, kVectorStoreIds), error.code_word());
    }
  }
}

bool is_hidden(const Exchange& exchange, const RouteContext& context, std::string_view collection,
               std::string_view id) {
  if (!exchange.caller().who) return false;
  const auto document = context.engine.store->get_header(collection, id);
  return document && !exchange.caller().may_read(document->readers);
}

void check_may_replace(const Exchange& exchange, const RouteContext& context,
                       std::string_view collection, std::string_view id) {
  if (!is_hidden(exchange, context, collection, id)) return;
  throw RequestError(403, fmt::format("The id '{}' is that of a document of others.", id), "id",
                     "document_of_others");
}

void check_files(const Exchange& exchange, const RouteContext& context,
                 std::string_view vector_store, std::span<const AddedFile> files) {
  for (const AddedFile& added : files) {
    const auto file = context.files.find(added.id);
    if (file && !exchange.caller().may_see(file->owner)) throw_no_file(added.id, "file_id");
    check_may_replace(exchange, context, vector_store, added.id);
  }
}

void throw_no_file(std::string_view id, std::string param) {
  throw RequestError(404, fmt::format("There is no file '{}'.", id), std::move(param),
                     "file_not_found");
}

}  // namespace tandem
