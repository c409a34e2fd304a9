// Leveled log lines on standard error, by spdlog. Standard output belongs to results.
//
// Callers format with fmt: log_info("indexed {} documents", n). Texts of users and documents are
// logged only at debug level. Safe to call from any thread.
#ifndef TANDEM_BASE_LOG_H_
#define TANDEM_BASE_LOG_H_

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace tandem {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines below `level` are dropped. The default is kInfo.
void set_log_level(LogLevel level);

void log(LogLevel level, std::string_view line);

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
