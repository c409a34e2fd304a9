#include "server/vector_stores/request.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/utf8.h"
#include "server/http_error.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxNameCharacters = 256;
constexpr std::size_t kMaxDescriptionCharacters = 512;
constexpr std::int64_t kMaxExpiryDays = 365;

std::string short_text(const Fields& fields, std::string_view name, std::size_t max_characters) {
  std::string text = fields.text(name).value_or("");
  if (count_code_points(text) > max_characters) {
    fields.fail(name, fmt::format("has more than {} characters.", max_characters));
  }
  return text;
}

int parse_expiry(const Fields& fields) {
  const auto policy = fields.object("expires_after");
  if (!policy) return 0;
  if (policy->text("anchor") != "last_active_at") {
    policy->fail("anchor", "must be 'last_active_at'.");
  }
  const auto days = policy->integer("days", 1, kMaxExpiryDays);
  if (!days) policy->fail("days", "is missing.");
  return static_cast<int>(*days);
}

// Passages do not overlap here: what is asked for is checked, and told in the answer.
std::size_t parse_chunking(const Fields& fields) {
  const auto strategy = fields.object("chunking_strategy");
  if (!strategy) return 0;
  const auto is_static = strategy->choice<bool>("type", {{"auto", false}, {"static", true}});
  if (!is_static) strategy->fail("type", "is missing.");
  if (!*is_static) return 0;
  const auto sizes = strategy->object("static");
  if (!sizes) strategy->fail("static", "is missing.");
  const auto most = sizes->integer("max_chunk_size_tokens", kMinChunkTokens, kMaxChunkTokens);
  if (!most) sizes->fail("max_chunk_size_tokens", "is missing.");
  sizes->integer("chunk_overlap_tokens", 0, *most / 2);
  return static_cast<std::size_t>(*most);
}

std::string parse_file_id(const json& value, const std::string& path) {
  if (value.is_string() && !value.get_ref<const std::string&>().empty()) return value;
  throw RequestError(400, fmt::format("'{}' must be the id of a file.", path), path);
}

std::vector<AddedFile> parse_file_ids(const Fields& fields) {
  std::vector<AddedFile> files;
  const json* const ids = fields.array("file_ids", kMaxFilesAtOnce);
  if (ids == nullptr) return files;
  AddedFile file;
  file.attributes = fields.attributes("attributes").value_or(Attributes());
  file.passage_tokens = parse_chunking(fields);
  std::set<std::string, std::less<>> known;
  for (std::size_t i = 0; i < ids->size(); ++i) {
    file.id = parse_file_id((*ids)[i], path_of_element(fields.path_of("file_ids"), i));
    if (known.insert(file.id).second) files.push_back(file);
  }
  return files;
}

}  // namespace

VectorStoreRequest parse_vector_store(const Fields& fields) {
  VectorStoreRequest request;
  request.name = short_text(fields, "name", kMaxNameCharacters);
  request.description = short_text(fields, "description", kMaxDescriptionCharacters);
  request.metadata = fields.metadata("metadata").value_or(Metadata());
  request.expires_after_days = parse_expiry(fields);
  request.files = parse_file_ids(fields);
  return request;
}

VectorStoreChange parse_vector_store_change(const Fields& fields) {
  VectorStoreChange change;
  if (fields.find("name") != nullptr) change.name = short_text(fields, "name", kMaxNameCharacters);
  if (fields.has("metadata")) change.metadata = fields.metadata("metadata").value_or(Metadata());
  if (fields.has("expires_after")) change.expires_after_days = parse_expiry(fields);
  return change;
}

AddedFile parse_added_file(const Fields& fields) {
  const json* const id = fields.find("file_id");
  if (id == nullptr) fields.fail("file_id", "is missing.");
  return {.id = parse_file_id(*id, fields.path_of("file_id")),
          .attributes = fields.attributes("attributes").value_or(Attributes()),
          .passage_tokens = parse_chunking(fields)};
}

std::vector<AddedFile> parse_file_batch(const Fields& fields) {
  std::vector<AddedFile> files = parse_file_ids(fields);
  const json* const each = fields.array("files", kMaxFilesAtOnce);
  if (each != nullptr && !files.empty()) {
    fields.fail("files", "and 'file_ids' exclude each other.");
  }
  if (each != nullptr) {
    std::set<std::string, std::less<>> known;
    for (std::size_t i = 0; i < each->size(); ++i) {
      AddedFile file =
          parse_added_file(Fields((*each)[i], path_of_element(fields.path_of("files"), i)));
      if (known.insert(file.id).second) files.push_back(std::move(file));
    }
  }
  if (files.empty()) fields.fail("file_ids", "is missing; give the files to add, one or more.");
  return files;
}

}  // namespace tandem
