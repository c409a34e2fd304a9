#include "server/access/gate.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace tandem {
namespace {

constexpr double kSecondsPerMinute = 60;
// A request that is over the number of those going on may find a place soon; nobody knows when.
constexpr int kRetryConcurrentS = 1;

// The token of "Bearer TOKEN", by RFC 6750; empty for another scheme.
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.size() <= kScheme.size() ||
      ::strncasecmp(authorization.data(), kScheme.data(), kScheme.size()) != 0) {
    return {};
  }
  authorization.remove_prefix(kScheme.size());
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  return authorization;
}

Caller caller_of(const ApiKey& key) {
  Caller caller{
      .key_id = key.id, .owner = key.id, .scope = key.scope, .collections = {}, .who = key.who};
  if (!key.collections.empty()) {
    caller.collections.emplace(key.collections.begin(), key.collections.end());
  }
  return caller;
}

std::optional<HttpError> find_fault(const Caller& caller, const RouteAccess& access) {
  if (caller.scope < access.scope) {
    return http_error(403,
                      fmt::format("This needs an API key of the scope '{}'; this one has '{}'.",
                                  name_of(access.scope), name_of(caller.scope)),
                      "insufficient_scope");
  }
  if (caller.is_limited() && access.reach != Reach::kCollections) {
    return http_error(
        403,
        "This concerns the whole server; the caller is limited to some collections or "
        "documents.",
        "limited_caller");
  }
  return std::nullopt;
}

// "user:anna, group:hr"; nothing for an empty header.
std::optional<Readers> parse_who(std::string_view header) {
  if (header.empty()) return std::nullopt;
  Readers who;
  while (true) {
    const std::size_t end = std::min(header.find(','), header.size());
    std::string_view name = header.substr(0, end);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    who.emplace_back(name);
    if (end == header.size()) return checked_readers(std::move(who));
    header.remove_prefix(end + 1);
  }
}

void narrow(Caller& caller, std::optional<Readers> named) {
  if (!named) return;
  caller.owner += fmt::format(" {}", fmt::join(*named, ","));
  if (caller.who) {
    std::erase_if(*named, [&](const std::string& name) {
      return !std::binary_search(caller.who->begin(), caller.who->end(), name);
    });
  }
  caller.who = std::move(named);
}

std::string seconds_text(double seconds) {
  return fmt::format("{}s", static_cast<std::int64_t>(std::ceil(seconds)));
}

}  // namespace

Gate::Gate(const std::filesystem::path& store, GateOptions options)
    : keys_(store), options_(std::move(options)) {}

Scope Gate::anonymous_scope() {
  if (options_.anonymous) return *options_.anonymous;
  return options_.loopback && keys_.empty() ? Scope::kAdmin : Scope::kNone;
}

Admission Gate::admit(std::string_view authorization, const RouteAccess& access,
                      std::string_view who) {
  Admission admission;
  admission.needed = access.scope;
  if (access.scope == Scope::kNone) return admission;
  std::optional<Readers> named;
  try {
    named = parse_who(who);
  } catch (const Error& error) {
    admission.fault = http_error(400, fmt::format("In x-tandem-who: {}", error.what()));
    return admission;
  }
  const auto refuse = [&](const char* code, const char* message) {
    admission.fault = http_error(401, message, code);
    admission.headers.emplace_back("WWW-Authenticate", "Bearer");
    return admission;
  };
  // OpenAI's clients send some key always, wanted or not: one of another make counts as none.
  const std::string_view secret = bearer_token(authorization);
  if (secret.starts_with(kApiKeyPrefix)) {
    const auto key = keys_.find(secret);
    if (key == nullptr) {
      return refuse("invalid_api_key", "The API key is not known here, or was removed.");
    }
    if (key->expires_at_unix_s != 0 && key->expires_at_unix_s <= options_.now_unix_s()) {
      return refuse("expired_api_key", "The API key has expired.");
    }
    admission.caller = caller_of(*key);
    narrow(admission.caller, std::move(named));
    admission.fault = find_fault(admission.caller, access);
    if (!admission.fault) count(*key, admission);
    return admission;
  }
  admission.caller.scope = anonymous_scope();
  narrow(admission.caller, std::move(named));
  if (admission.caller.scope < access.scope) {
    return refuse("invalid_api_key",
                  "This needs an API key of this server; send it as 'Authorization: Bearer KEY'.");
  }
  admission.fault = find_fault(admission.caller, access);
  return admission;
}

void Gate::count(const ApiKey& key, Admission& admission) {
  if (key.requests_per_minute == 0 && key.max_concurrent == 0) return;
  const std::lock_guard lock(uses_->mutex);
  const std::chrono::nanoseconds now = options_.steady_now();
  const double size = key.requests_per_minute;
  const auto [entry, is_new] = uses_->by_key.try_emplace(key.id, Use{size, now, 0});
  Use& use = entry->second;
  if (key.max_concurrent != 0 && use.in_flight >= key.max_concurrent) {
    admission.fault = http_error(
        429, fmt::format("This API key may have {} requests going on at once.", key.max_concurrent),
        "too_many_requests");
    admission.headers.emplace_back("Retry-After", std::to_string(kRetryConcurrentS));
    return;
  }
  if (key.requests_per_minute != 0) {
    const double per_second = size / kSecondsPerMinute;
    const std::chrono::duration<double> since = now - use.filled_at;
    use.left = std::min(size, use.left + since.count() * per_second);
    use.filled_at = now;
    const bool refused = use.left < 1;
    if (!refused) use.left -= 1;
    admission.headers.emplace_back("x-ratelimit-limit-requests",
                                   std::to_string(key.requests_per_minute));
    admission.headers.emplace_back("x-ratelimit-remaining-requests",
                                   std::to_string(static_cast<std::int64_t>(use.left)));
    admission.headers.emplace_back("x-ratelimit-reset-requests",
                                   seconds_text((size - use.left) / per_second));
    if (refused) {
      admission.fault = http_error(
          429, fmt::format("This API key may send {} requests a minute.", key.requests_per_minute),
          "rate_limit_exceeded");
      admission.headers.emplace_back(
          "Retry-After",
          std::to_string(static_cast<std::int64_t>(std::ceil((1 - use.left) / per_second))));
      return;
    }
  }
  ++use.in_flight;
  admission.ticket = std::shared_ptr<void>(nullptr, [uses = uses_, id = key.id](void*) {
    const std::lock_guard ended(uses->mutex);
    --uses->by_key.find(id)->second.in_flight;
  });
}

}  // namespace tandem
