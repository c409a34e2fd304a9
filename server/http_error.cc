#include "server/http_error.h"

#include <fmt/format.h>

#include <new>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace tandem {
namespace {

// The values of OpenAI's `type`; its clients choose their exception by status and ignore this.
std::string_view type_of(int status) {
  if (status == 429) return "rate_limit_error";
  if (status >= 500) return "server_error";
  return "invalid_request_error";
}

// A word for programs where the thrower gave none.
std::string_view code_word_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kResourceExhausted:
      return "resource_exhausted";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    default:
      return "";
  }
}

HttpError internal_error(std::string_view request_id) {
  return {500,
          fmt::format("Something went wrong in the server; its log says more about request {}.",
                      request_id),
          {},
          "internal_error"};
}

}  // namespace

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
      return 409;
    case ErrorCode::kUnsupported:
      return 415;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kResourceExhausted:
      return 507;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

HttpError to_http_error(std::exception_ptr exception, std::string_view request_id) {
  try {
    std::rethrow_exception(exception);
  } catch (const RequestError& error) {
    return {error.status(), error.what(), error.param(), error.code_word()};
  } catch (const Error& error) {
    const int status = status_of(error.code());
    if (status >= 500) log_error("request {}: {}", request_id, error.what());
    if (status == 500) return internal_error(request_id);
    return {status, error.what(), {}, std::string(code_word_of(error.code()))};
  } catch (const std::bad_alloc&) {
    log_error("request {}: out of memory", request_id);
    return {503, "The server is short of memory; try again later or send less.", {}, "unavailable"};
  } catch (const std::exception& error) {
    log_error("request {}: {}", request_id, error.what());
    return internal_error(request_id);
  } catch (...) {
    log_error("request {}: an exception of unknown type", request_id);
    return internal_error(request_id);
  }
}

HttpError http_error(int status, std::string message, std::string code) {
  return {status, std::move(message), {}, std::move(code)};
}

std::string error_body(const HttpError& error) {
  using nlohmann::json;
  const auto or_null = [](const std::string& text) { return text.empty() ? json() : json(text); };
  const json body = {{"error",
                      {{"message", error.message},
                       {"type", type_of(error.status)},
                       {"param", or_null(error.param)},
                       {"code", or_null(error.code)}}}};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tandem
