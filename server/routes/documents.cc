// POST and GET /v1/documents, GET, POST and DELETE /v1/documents/{id}
#include <fmt/format.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "server/answer_json.h"
#include "server/http_error.h"
#include "server/json_fields.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::int64_t kDefaultPageSize = 100;
constexpr std::int64_t kMaxPageSize = 1000;

std::string_view to_string(IngestStatus status) {
  switch (status) {
    case IngestStatus::kAdded:
      return "added";
    case IngestStatus::kReplaced:
      return "replaced";
    case IngestStatus::kUpdated:
      return "updated";
    case IngestStatus::kUnchanged:
      return "unchanged";
  }
  return "added";
}

Ingestor& writable(const RouteContext& context) {
  check_writable(context);
  return *context.engine.ingestor;
}

[[noreturn]] void throw_not_found(std::string_view collection, std::string_view id) {
  throw RequestError(
      404, fmt::format("There is no document '{}' in the collection '{}'.", id, collection), {},
      "document_not_found");
}

// The {id} of the path, of a document that is to be changed.
std::string visible_id(const Exchange& exchange, const RouteContext& context,
                       const std::string& collection) {
  std::string id = exchange.path_part(1);
  if (is_hidden(exchange, context, collection, id)) throw_not_found(collection, id);
  return id;
}

std::string collection_of(const Exchange& exchange, const RouteContext& context) {
  std::string collection = exchange.query("collection");
  if (collection.empty()) collection = default_collection(exchange);
  check_collection_name(collection);
  check_collection(exchange, context, collection);
  return collection;
}

IngestRequest parse_json_document(const Exchange& exchange) {
  const json body = exchange.json_body();
  const Fields fields(body);
  IngestRequest request;
  const char* name = fields.find("text") == nullptr && fields.find("content") ? "content" : "text";
  const auto text = fields.text(name);
  if (!text) fields.fail("text", "is missing.");
  request.bytes = *text;
  request.title = fields.text("title").value_or("");
  request.id = fields.text("id").value_or("");
  // Without a name of its own, the same text is the same document.
  request.source = fields.text("source").value_or("");
  if (request.source.empty()) {
    request.source = request.id.empty()
                         ? fmt::format("{}.txt", sha256_hex(request.bytes).substr(0, 24))
                         : fmt::format("{}.txt", request.id);
  }
  request.collection = fields.collection("collection").value_or("");
  request.attributes = fields.attributes("attributes");
  request.readers = fields.readers("readers");
  return request;
}

IngestRequest parse_uploaded_document(const httplib::Request& http) {
  const auto field = [&](const char* name) {
    std::string value = http.has_file(name) ? http.get_file_value(name).content : std::string();
    if (!is_valid_utf8(value)) {
      throw RequestError(400, fmt::format("'{}' is not valid UTF-8.", name), name);
    }
    return value;
  };
  if (!http.has_file("file")) {
    throw RequestError(400, "The form has no field 'file'; send the document as 'file'.", "file");
  }
  const httplib::MultipartFormData& file = http.files.find("file")->second;
  IngestRequest request;
  request.bytes = file.content;
  request.title = field("title");
  request.id = field("id");
  request.source = field("source");
  // Browsers send the name in the page's encoding, UTF-8; others may send anything.
  if (request.source.empty()) request.source = repair_utf8(file.filename);
  if (request.source.empty()) {
    throw RequestError(400, "The field 'file' has no file name; the name says what the file is.",
                       "file");
  }
  request.collection = field("collection");
  // Checked as the same fields of a JSON body are.
  const auto body_with = [&](const char* name) {
    const std::string text = field(name);
    return text.empty() ? json::object()
                        : parse_json_object(fmt::format("{{\"{}\":{}}}", name, text));
  };
  const json with_attributes = body_with("attributes");
  request.attributes = Fields(with_attributes).attributes("attributes");
  const json with_readers = body_with("readers");
  request.readers = Fields(with_readers).readers("readers");
  return request;
}

void add_document(Exchange& exchange, const RouteContext& context) {
  Ingestor& ingestor = writable(context);
  IngestRequest request = exchange.request().is_multipart_form_data()
                              ? parse_uploaded_document(exchange.request())
                              : parse_json_document(exchange);
  if (request.collection.empty()) request.collection = default_collection(exchange);
  check_collection_name(request.collection);
  check_collection(exchange, context, request.collection);
  check_may_replace(exchange, context, request.collection,
                    request.id.empty() ? make_document_id(request.source) : request.id);
  IngestResult result;
  try {
    result = ingestor.ingest(request);
  } catch (const Error& error) {
    // The document is at fault here, not the server.
    if (error.code() != ErrorCode::kCorrupt && error.code() != ErrorCode::kTimeout) throw;
    throw RequestError(422, error.what(), {}, "unreadable_document");
  }
  exchange.send_json({{"id", result.document_id},
                      {"object", "document"},
                      {"collection", request.collection},
                      {"title", result.title},
                      {"passage_count", result.passage_count},
                      {"encoded_count", result.encoded_count},
                      {"status", to_string(result.status)}},
                     result.status == IngestStatus::kAdded ? 201 : 200);
}

std::uint64_t count_documents(const Store& store, std::string_view collection) {
  for (const CollectionInfo& info : store.list_collections()) {
    if (info.name == collection) return info.document_count;
  }
  return 0;
}

// By id, after the one that is named.
std::vector<Document> visible_documents(const Exchange& exchange, const RouteContext& context,
                                        const std::string& collection, std::string after,
                                        std::size_t limit) {
  std::vector<Document> visible;
  while (visible.size() < limit) {
    std::vector<Document> next = context.engine.store->list_documents(collection, after, limit);
    const bool is_end = next.size() < limit;
    if (!next.empty()) after = next.back().id;
    for (Document& document : next) {
      if (visible.size() < limit && exchange.caller().may_read(document.readers)) {
        visible.push_back(std::move(document));
      }
    }
    if (is_end) break;
  }
  return visible;
}

void list_documents(Exchange& exchange, const RouteContext& context) {
  const std::string collection = collection_of(exchange, context);
  const auto limit =
      static_cast<std::size_t>(exchange.query_integer("limit", kDefaultPageSize, 1, kMaxPageSize));
  // One more than asked for, to know whether there are more.
  std::vector<Document> documents =
      visible_documents(exchange, context, collection, exchange.query("after"), limit + 1);
  const bool has_more = documents.size() > limit;
  if (has_more) documents.resize(limit);
  json data = json::array();
  for (const Document& document : documents) data.push_back(to_json(document));
  exchange.send_json({{"object", "list"},
                      {"collection", collection},
                      {"data", std::move(data)},
                      {"first_id", documents.empty() ? json() : json(documents.front().id)},
                      {"last_id", documents.empty() ? json() : json(documents.back().id)},
                      {"has_more", has_more},
                      {"total", count_documents(*context.engine.store, collection)}});
}

void get_document(Exchange& exchange, const RouteContext& context) {
  const std::string collection = collection_of(exchange, context);
  const std::string id = exchange.path_part(1);
  const Store& store = *context.engine.store;
  const std::optional<Document> document = store.get_document(collection, id);
  if (!document || !exchange.caller().may_read(document->readers)) throw_not_found(collection, id);
  json passages = json::array();
  for (const Passage& passage : store.document_passages(collection, id)) {
    passages.push_back({{"passage_id", passage.id},
                        {"ordinal", passage.ordinal},
                        {"heading_path", passage.heading_path},
                        {"page", passage.page == 0 ? json() : json(passage.page)},
                        {"start", passage.begin},
                        {"end", passage.end}});
  }
  json body = to_json(*document);
  body["text"] = document->text;
  body["passages"] = std::move(passages);
  exchange.send_json(body);
}

// OpenAI changes the attributes of a file in a vector store in the same way.
void change_document(Exchange& exchange, const RouteContext& context) {
  const std::string collection = collection_of(exchange, context);
  const json body = exchange.json_body();
  const Fields fields(body);
  const auto attributes = fields.attributes("attributes");
  const auto readers = fields.readers("readers");
  if (!attributes && !readers) {
    fields.fail("attributes",
                "is missing, and so is 'readers'; nothing else of a document changes.");
  }
  Ingestor& ingestor = writable(context);
  const std::string id = visible_id(exchange, context, collection);
  std::optional<Document> document;
  if (readers) document = ingestor.set_readers(collection, id, *readers);
  if (attributes) document = ingestor.set_attributes(collection, id, *attributes);
  if (!document) throw_not_found(collection, id);
  exchange.send_json(to_json(*document));
}

void delete_document(Exchange& exchange, const RouteContext& context) {
  const std::string collection = collection_of(exchange, context);
  Ingestor& ingestor = writable(context);
  const std::string id = visible_id(exchange, context, collection);
  if (!ingestor.remove(collection, id)) throw_not_found(collection, id);
  exchange.send_json({{"id", id}, {"object", "document.deleted"}, {"deleted", true}});
}

}  // namespace

void add_document_routes(HttpServer& server, RouteContext& context) {
  server.add_route("POST", "/v1/documents", kWritesCollections,
                   [&context](Exchange& exchange) { add_document(exchange, context); });
  server.add_route("GET", "/v1/documents", kReadsCollections,
                   [&context](Exchange& exchange) { list_documents(exchange, context); });
  server.add_route("GET", "/v1/documents/{id}", kReadsCollections,
                   [&context](Exchange& exchange) { get_document(exchange, context); });
  server.add_route("POST", "/v1/documents/{id}", kWritesCollections,
                   [&context](Exchange& exchange) { change_document(exchange, context); });
  server.add_route("DELETE", "/v1/documents/{id}", kWritesCollections,
                   [&context](Exchange& exchange) { delete_document(exchange, context); });
}

}  // namespace tandem
