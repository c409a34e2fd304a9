// Responses that clients may come back to.
//
// In the folder of the store, responses/SEQUENCE-ID.json, the sequence having 20 digits:
//
//   {"version": 1, "response", "input", "conversation": [{"role", "content"}, …], "owner"}
//
// A file is written at once. Its name alone says where it stands, so that opening the folder reads
// none of them.
#ifndef TANDEM_SERVER_RESPONSES_RECORDS_H_
#define TANDEM_SERVER_RESPONSES_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/chat_template.h"

namespace tandem {

struct ResponseRecord {
  nlohmann::json response;  // as it was sent, with everything that can be included
  nlohmann::json input;     // ResponseRequest::input
  // That a next question goes on with: messages before this request's, its own and the answer. No
  // instructions, which are for one response.
  std::vector<ChatMessage> conversation;
  std::string owner;  // who asked (Caller::owner)
};

// The oldest go when there would be more.
struct ResponseLimits {
  std::size_t count = 10'000;
  std::uint64_t bytes = 1u << 30;  // of all files
};

// All methods may be called from any thread.
class ResponseRecords {
 public:
  // Nothing is written where `read_only`, not even the folder, and add() and remove() must not be
  // called. Files whose names are not those of records are passed over.
  ResponseRecords(const std::filesystem::path& store, bool read_only, ResponseLimits limits = {});

  // Returns when it is on the disk. Its response has an "id" that is not there yet. Throws
  // kResourceExhausted for a full disk.
  void add(const ResponseRecord& record);
  // Nothing if there is none, or no longer, and for a file that cannot be read, with a warning in
  // the log.
  std::optional<ResponseRecord> find(std::string_view id) const;
  // Whether there was one.
  bool remove(std::string_view id);

 private:
  struct Place {
    std::uint64_t sequence = 0;
    std::uint64_t size_bytes = 0;
  };
  std::filesystem::path path(std::string_view id, std::uint64_t sequence) const;
  void read_names(bool read_only);
  void remove_locked(std::string_view id);
  void remove_oldest();

  const std::filesystem::path folder_;
  const ResponseLimits limits_;
  mutable std::mutex mutex_;                          // guards what follows, and the folder
  std::map<std::string, Place, std::less<>> places_;  // by id
  std::map<std::uint64_t, std::string> ids_;          // by sequence
  std::uint64_t bytes_ = 0;                           // of all files
  std::uint64_t last_sequence_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_RESPONSES_RECORDS_H_
