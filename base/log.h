// Leveled log lines on standard error, by spdlog. Standard output belongs to results.
//
// Callers format with fmt: log_info("indexed {} documents", n). Texts of users and documents are
// logged only at debug level. Safe to call from any thread.
//
// A line is text, or a JSON object for programs that collect lines:
//   {"time": "2026-01-31T12:00:00.000Z", "level": "info", "message": "...", "request_id": "..."}
// with what is a field of its own behind these; request_id is there while a request is worked on.
#ifndef TANDEM_BASE_LOG_H_
#define TANDEM_BASE_LOG_H_

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace tandem {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines below `level` are dropped. The default is kInfo.
void set_log_level(LogLevel level);

enum class LogFormat { kText, kJson };

// The default is kText. Before other threads log.
void set_log_format(LogFormat format);
LogFormat log_format();

// What a line says besides, for JSON only: a line of text has it in its words.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double> value;
};

void log(LogLevel level, std::string_view line, std::span<const LogField> fields = {});

// While it lives, lines of this thread are those of the request `id`, which it borrows. One at a
// time in a thread.
class LogRequest {
 public:
  explicit LogRequest(const std::string& id);
  LogRequest(const LogRequest&) = delete;
  LogRequest& operator=(const LogRequest&) = delete;
  ~LogRequest();
};

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tandem

#endif  // TANDEM_BASE_LOG_H_
