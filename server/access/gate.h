// Lets a request in or says why not: its key, what the key may do, and how often.
#ifndef TANDEM_SERVER_ACCESS_GATE_H_
#define TANDEM_SERVER_ACCESS_GATE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/access/admission.h"
#include "server/access/api_keys.h"

namespace tandem {

struct GateOptions {
  // What a request without a key may do. Nothing: everything while there is no key at all and only
  // this machine can reach the server, and otherwise nothing.
  std::optional<Scope> anonymous;
  bool loopback = true;
  // Of now; for tests.
  std::function<std::chrono::nanoseconds()> steady_now;
  std::function<std::int64_t()> now_unix_s;
};

// All methods may be called from any thread.
class Gate {
 public:
  // Throws as read_api_keys().
  Gate(const std::filesystem::path& store, GateOptions options);

  // What a request without a key may do at this moment.
  Scope anonymous_scope();
  bool has_keys() { return !keys_.empty(); }

  // `authorization` and `who` are the headers Authorization and x-tandem-who, or empty. The second
  // narrows what the caller may see to what is for those whom it names, as a service does for its
  // own users; of a key that has readers itself, to those that are in both. Faults are 400 for
  // names that are none, 401 for no key or an unknown one, 403 for what the caller may not do, 429
  // for what it may not do so often, with retry-after. Limits are told in OpenAI's headers,
  // x-ratelimit-….
  Admission admit(std::string_view authorization, const RouteAccess& access,
                  std::string_view who = {});

 private:
  // Requests of one key: a bucket that fills steadily and holds a minute's.
  struct Use {
    double left = 0;
    std::chrono::nanoseconds filled_at{};
    std::uint32_t in_flight = 0;
  };
  void count(const ApiKey& key, Admission& admission);

  ApiKeys keys_;
  const GateOptions options_;
  // Shared with tickets, which may end after the gate.
  struct Uses {
    std::mutex mutex;
    std::map<std::string, Use, std::less<>> by_key;
  };
  const std::shared_ptr<Uses> uses_ = std::make_shared<Uses>();
};

}  // namespace tandem

#endif  // TANDEM_SERVER_ACCESS_GATE_H_
