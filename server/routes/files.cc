// POST and GET /v1/files, GET and DELETE /v1/files/{id}, GET /v1/files/{id}/content
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "server/http_error.h"
#include "server/list_page.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxListed = kMaxUploadedFiles;
constexpr std::array<std::string_view, 6> kPurposes = {"assistants", "batch",     "evals",
                                                       "fine-tune",  "user_data", "vision"};

json to_json(const UploadedFile& file) {
  return {{"id", file.id},
          {"object", "file"},
          {"bytes", file.size_bytes},
          {"created_at", file.created_at_unix_s},
          {"expires_at", nullptr},
          {"filename", file.filename},
          {"purpose", file.purpose},
          {"status", "processed"},
          {"status_details", nullptr}};
}

std::string parse_purpose(const httplib::Request& request) {
  if (!request.has_file("purpose")) {
    throw RequestError(400, "The form has no field 'purpose'.", "purpose");
  }
  std::string purpose = request.get_file_value("purpose").content;
  if (std::find(kPurposes.begin(), kPurposes.end(), purpose) == kPurposes.end()) {
    throw RequestError(
        400, fmt::format("'purpose' must be one of: {}.", fmt::join(kPurposes, ", ")), "purpose");
  }
  return purpose;
}

void upload(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const httplib::Request& request = exchange.request();
  if (!request.is_multipart_form_data()) {
    throw RequestError(415, "Files are sent as a form, 'multipart/form-data'.", {},
                       "unsupported_media_type");
  }
  const std::string purpose = parse_purpose(request);
  const auto file = request.files.find("file");
  if (file == request.files.end()) {
    throw RequestError(400, "The form has no field 'file'.", "file");
  }
  for (const auto& [name, part] : request.files) {
    if (name.starts_with("expires_after")) {
      throw RequestError(400, "Files do not expire here; delete them when they are not needed.",
                         "expires_after");
    }
  }
  const std::string filename = repair_utf8(file->second.filename);
  exchange.send_json(
      to_json(context.files.add(filename, purpose, file->second.content, exchange.caller().owner)));
}

void list(Exchange& exchange, const RouteContext& context) {
  const bool ascending = is_ascending(exchange);
  const std::string purpose = exchange.query("purpose");
  std::vector<json> files;
  for (const UploadedFile& file : context.files.list()) {
    if (!exchange.caller().may_see(file.owner)) continue;
    if (purpose.empty() || file.purpose == purpose) files.push_back(to_json(file));
  }
  if (!ascending) std::reverse(files.begin(), files.end());
  exchange.send_json(list_page(exchange, std::move(files), kMaxListed, kMaxListed));
}

UploadedFile file_of(const Exchange& exchange, const RouteContext& context) {
  const std::string id = exchange.path_part(1);
  auto file = context.files.find(id);
  if (!file || !exchange.caller().may_see(file->owner)) throw_no_file(id, "id");
  return *std::move(file);
}

void retrieve(Exchange& exchange, const RouteContext& context) {
  exchange.send_json(to_json(file_of(exchange, context)));
}

void send_content(Exchange& exchange, const RouteContext& context) {
  const std::string id = file_of(exchange, context).id;
  const auto content = context.files.content(id);
  if (!content) throw_no_file(id, "id");
  // Whatever it is: a browser must not take it for a page of this server.
  exchange.response().set_content(*content, "application/octet-stream");
}

void remove(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const std::string id = file_of(exchange, context).id;
  if (!context.files.remove(id)) throw_no_file(id, "id");
  context.vector_stores.forget_file(id);
  exchange.send_json({{"id", id}, {"object", "file"}, {"deleted", true}});
}

}  // namespace

void add_file_routes(HttpServer& server, RouteContext& context) {
  server.add_route("POST", "/v1/files", kWritesCollections,
                   [&context](Exchange& exchange) { upload(exchange, context); });
  server.add_route("GET", "/v1/files", kReadsCollections,
                   [&context](Exchange& exchange) { list(exchange, context); });
  server.add_route("GET", "/v1/files/{id}/content", kReadsCollections,
                   [&context](Exchange& exchange) { send_content(exchange, context); });
  server.add_route("GET", "/v1/files/{id}", kReadsCollections,
                   [&context](Exchange& exchange) { retrieve(exchange, context); });
  server.add_route("DELETE", "/v1/files/{id}", kWritesCollections,
                   [&context](Exchange& exchange) { remove(exchange, context); });
}

}  // namespace tandem
