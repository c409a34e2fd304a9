// Responses that clients may come back to.
//
// In the folder of the store, responses/ (record_folder.h), each
//
//   {"response", "input", "conversation": [{"role", "content"}, …], "owner"}
#ifndef TANDEM_SERVER_RESPONSES_RECORDS_H_
#define TANDEM_SERVER_RESPONSES_RECORDS_H_

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "generator/chat_template.h"
#include "server/record_folder.h"

namespace tandem {

inline constexpr RecordLimits kResponseLimits = {.count = 10'000, .bytes = 1u << 30};

struct ResponseRecord {
  nlohmann::json response;  // as it was sent, with everything that can be included
  nlohmann::json input;     // ResponseRequest::input
  // That a next question goes on with: messages before this request's, its own and the answer. No
  // instructions, which are for one response.
  std::vector<ChatMessage> conversation;
  std::string owner = {};  // who asked (Caller::owner)
};

// All methods may be called from any thread.
class ResponseRecords {
 public:
  // Nothing is written where `read_only`, not even the folder, and add() and remove() must not be
  // called.
  ResponseRecords(const std::filesystem::path& store, bool read_only,
                  RecordLimits limits = kResponseLimits);

  // Returns when it is on the disk. Its response has an "id" that is not there yet. Throws
  // kResourceExhausted for a full disk.
  void add(const ResponseRecord& record);
  // Nothing if there is none, or no longer, and for a file that cannot be read.
  std::optional<ResponseRecord> find(std::string_view id) const;
  // Whether there was one.
  bool remove(std::string_view id) { return folder_.remove(id); }

 private:
  RecordFolder folder_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_RESPONSES_RECORDS_H_
