#include "server/access/audit_log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/log.h"

namespace tandem {
namespace {

using nlohmann::ordered_json;

std::string line_of(const AuditEntry& entry) {
  const Caller& caller = entry.caller;
  const ordered_json line = {
      {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
      {"key", caller.key_id.empty() ? ordered_json() : ordered_json(caller.key_id)},
      {"who", caller.who ? ordered_json(*caller.who) : ordered_json()},
      {"client", entry.client},
      {"method", entry.method},
      {"path", entry.path},
      {"status", entry.status},
      {"request_id", entry.request_id}};
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

AuditLog::AuditLog(const std::filesystem::path& store, std::uint64_t max_bytes)
    : path_(store / "audit.log"), max_bytes_(max_bytes) {}

AuditLog::~AuditLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool AuditLog::wants(Scope needed, int status) {
  if (status == 401 || status == 403 || status == 429) return needed != Scope::kNone;
  return needed >= Scope::kWrite;
}

// Expects mutex_ to be held.
bool AuditLog::open_file() {
  if (descriptor_ >= 0) return true;
  descriptor_ = ::open(path_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  struct stat status {};
  if (descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0) {
    size_bytes_ = static_cast<std::uint64_t>(status.st_size);
  }
  return descriptor_ >= 0;
}

void AuditLog::write(const AuditEntry& entry) {
  const std::string line = line_of(entry);
  const std::lock_guard lock(mutex_);
  if (open_file() && size_bytes_ > 0 && size_bytes_ + line.size() > max_bytes_) {
    ::close(descriptor_);
    descriptor_ = -1;
    std::filesystem::path former = path_;
    former += ".1";
    std::error_code ignored;  // what cannot be renamed grows on
    std::filesystem::rename(path_, former, ignored);
  }
  // One call, so that lines stay whole whoever else appends.
  const bool written = open_file() && ::write(descriptor_, line.data(), line.size()) ==
                                          static_cast<ssize_t>(line.size());
  if (written) {
    size_bytes_ += line.size();
  } else if (!complained_) {
    complained_ = true;
    log_error("changes are not noted in {}: {}", path_.string(),
              std::generic_category().message(errno));
  }
}

}  // namespace tandem
