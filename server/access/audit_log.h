// Who changed what, and who was refused: the file audit.log in the folder of the store, a JSON
// object a line:
//
//   {"time", "key", "who", "client", "method", "path", "status", "request_id"}
//
// `time` is RFC 3339 in UTC, `key` the id of the API key or null, `who` Caller::who or null and
// `client` an address. Requests that only read are not written, unless they are refused (401, 403,
// 429); nor are bodies, queries and keys, ever.
#ifndef TANDEM_SERVER_ACCESS_AUDIT_LOG_H_
#define TANDEM_SERVER_ACCESS_AUDIT_LOG_H_

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

#include "server/access/caller.h"

namespace tandem {

struct AuditEntry {
  Caller caller;
  std::string client;
  std::string method;
  std::string path;
  int status = 0;
  std::string request_id;
};

// All methods may be called from any thread.
class AuditLog {
 public:
  // The file is made by the first entry. When it is larger than `max_bytes` it becomes audit.log.1,
  // in the place of the one of before.
  explicit AuditLog(const std::filesystem::path& store, std::uint64_t max_bytes = 64u << 20);
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;
  ~AuditLog();

  // Whether a request of this outcome is written. `needed` is the scope of its route.
  static bool wants(Scope needed, int status);
  // What cannot be written is reported in the log, once, and never fails a request: that has been
  // answered already.
  void write(const AuditEntry& entry);

 private:
  bool open_file();

  const std::filesystem::path path_;
  const std::uint64_t max_bytes_;
  std::mutex mutex_;  // guards what follows
  int descriptor_ = -1;
  std::uint64_t size_bytes_ = 0;
  bool complained_ = false;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_ACCESS_AUDIT_LOG_H_
