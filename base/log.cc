#include "base/log.h"

#include <fmt/chrono.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <iterator>

#include "base/utf8.h"

namespace tandem {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%e %^%-7l%$ %v";

std::atomic<LogFormat> format = LogFormat::kText;
thread_local const std::string* request_id = nullptr;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  // Leaked on purpose: threads may still log while static destructors run.
  static spdlog::logger* const instance = [] {
    auto* created =
        new spdlog::logger("tandem", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    created->set_pattern(kTextPattern);
    created->flush_on(spdlog::level::debug);
    return created;
  }();
  return *instance;
}

// RFC 8259, section 7. By hand, since this room knows no JSON library and a line needs no more.
void append_string(std::string& json, std::string_view text) {
  json += '"';
  for (const char c : repair_utf8(text)) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(json), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      json += c;
    }
  }
  json += '"';
}

void append_value(std::string& json, const LogField& field) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    append_string(json, *text);
  } else if (const auto* whole = std::get_if<std::int64_t>(&field.value)) {
    json += fmt::to_string(*whole);
  } else {
    const double number = std::get<double>(field.value);
    json += std::isfinite(number) ? fmt::format("{:.6f}", number) : "null";
  }
}

std::string json_line(LogLevel level, std::string_view line, std::span<const LogField> fields) {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now - seconds);
  const auto name = spdlog::level::to_string_view(to_spdlog(level));
  std::string json =
      fmt::format(R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}","message":)",
                  fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), milliseconds.count(),
                  std::string_view(name.data(), name.size()));
  append_string(json, line);
  if (request_id != nullptr) {
    json += ",\"request_id\":";
    append_string(json, *request_id);
  }
  for (const LogField& field : fields) {
    json += ',';
    append_string(json, field.name);
    json += ':';
    append_value(json, field);
  }
  return json + '}';
}

}  // namespace

void set_log_level(LogLevel level) {
  logger().set_level(to_spdlog(level));
}

void set_log_format(LogFormat wanted) {
  format = wanted;
  logger().set_pattern(wanted == LogFormat::kJson ? "%v" : kTextPattern);
}

LogFormat log_format() {
  return format;
}

void log(LogLevel level, std::string_view line, std::span<const LogField> fields) {
  if (!logger().should_log(to_spdlog(level))) return;
  if (format == LogFormat::kJson) {
    logger().log(to_spdlog(level), json_line(level, line, fields));
  } else {
    logger().log(to_spdlog(level), line);
  }
}

LogRequest::LogRequest(const std::string& id) {
  request_id = &id;
}

LogRequest::~LogRequest() {
  request_id = nullptr;
}

}  // namespace tandem
