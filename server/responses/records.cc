#include "server/responses/records.h"

#include <utility>

#include "server/answer_json.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

ResponseRecord parse_record(json file) {
  ResponseRecord record;
  record.response = std::move(file.at("response"));
  record.input = std::move(file.at("input"));
  for (const json& message : file.at("conversation")) {
    record.conversation.push_back({message.at("role"), message.at("content")});
  }
  record.owner = file.value("owner", "");  // responses of before there were keys have none
  return record;
}

}  // namespace

ResponseRecords::ResponseRecords(const std::filesystem::path& store, bool read_only,
                                 RecordLimits limits)
    : folder_(store / "responses", kVersion, read_only, limits) {}

void ResponseRecords::add(const ResponseRecord& record) {
  folder_.add(record.response.at("id").get<std::string>(),
              {{"response", record.response},
               {"input", record.input},
               {"conversation", messages_json(record.conversation)},
               {"owner", record.owner}});
}

std::optional<ResponseRecord> ResponseRecords::find(std::string_view id) const {
  std::optional<ResponseRecord> record;
  folder_.read(id, [&](json file) { record = parse_record(std::move(file)); });
  return record;
}

}  // namespace tandem
