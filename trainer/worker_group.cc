#include "trainer/worker_group.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "trainer/trainer_plugin.h"

namespace tandem {
namespace {

constexpr const char* kAdvice = "start it by torchrun, or without WORLD_SIZE in the environment";

std::optional<std::string> variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr || *value == 0) return std::nullopt;
  return value;
}

std::string required(const char* name) {
  const auto value = variable(name);
  if (!value)
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("WORLD_SIZE says that there are other workers, but {} is not set", name),
        kAdvice);
  return *value;
}

int number(const char* name, const std::string& text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("{} is \"{}\", not a number from {} to {}", name, text, least, most),
                kAdvice);
  return value;
}

class Alone final : public WorkerGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void add_up(std::span<float>) override {}
  std::vector<std::string> gather(std::string_view bytes) override { return {std::string(bytes)}; }
  std::string of_leader(std::string_view bytes) override { return std::string(bytes); }
};

}  // namespace

WorkerPlace worker_place() {
  constexpr int kMost = 1 << 16;
  WorkerPlace place;
  const auto count = variable("WORLD_SIZE");
  if (!count) return place;
  place.count = number("WORLD_SIZE", *count, 1, kMost);
  if (place.count == 1) return place;
  place.rank = number("RANK", required("RANK"), 0, place.count - 1);
  place.local_count =
      number("LOCAL_WORLD_SIZE", variable("LOCAL_WORLD_SIZE").value_or("1"), 1, place.count);
  place.address = required("MASTER_ADDR");
  place.port = static_cast<std::uint16_t>(number("MASTER_PORT", required("MASTER_PORT"), 1, 65535));
  place.store_is_kept = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  place.restarts = number("TORCHELASTIC_RESTART_COUNT",
                          variable("TORCHELASTIC_RESTART_COUNT").value_or("0"), 0, kMost);
  return place;
}

WorkerGroup& WorkerGroup::alone() {
  static Alone group;
  return group;
}

std::unique_ptr<WorkerGroup> WorkerGroup::join(const WorkerPlace& place) {
  return trainer_plugin().join_workers(place);
}

}  // namespace tandem
