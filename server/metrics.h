// What the server counts, in Prometheus' text format.
#ifndef TANDEM_SERVER_METRICS_H_
#define TANDEM_SERVER_METRICS_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "generator/answerer.h"
#include "server/served_release.h"
#include "store/store.h"

namespace tandem {

// All methods may be called from any thread. Labels are patterns of routes and names of
// collections, never text of users.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // `method` is one that routes have, or "other"; `route` a pattern such as "/v1/documents/{id}";
  // status 499: the client left first.
  void count_request(std::string_view method, std::string_view route, int status, double seconds);
  void count_rejected_connection();
  // Connections that begin or end to wait for a worker.
  void count_waiting(int more);

  // Around generations: generations_in_flight is up by `count` while the returned object lives.
  class InFlight {
   public:
    InFlight(Metrics& metrics, std::size_t count);
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    ~InFlight();

   private:
    Metrics& metrics_;
    const double count_;
  };
  // From the arrival of the request to its first piece of text.
  void observe_first_token(double seconds);
  // Of one request: they have a search and a prompt in common.
  void count_answers(std::span<const Answer> answers);

  // Sizes are read from `store` at this moment, and what models have done from `release`.
  std::string serialize(const Store& store, const ServedRelease& release);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The word of OpenAI's finish_reason, or "cancelled".
std::string_view to_string(FinishReason reason);

}  // namespace tandem

#endif  // TANDEM_SERVER_METRICS_H_
