#include "model/config_source.h"

#include <fmt/format.h>

#include <limits>

#include "base/error.h"

namespace tandem {

std::optional<int> ConfigSource::size(std::string_view key, std::int64_t max) const {
  const auto value = integer(key);
  if (!value) return std::nullopt;
  if (*value < 1 || *value > max) fail(fmt::format("{} is {}", name(key), *value));
  return static_cast<int>(*value);
}

int ConfigSource::require_size(std::string_view key, std::int64_t max) const {
  const auto value = size(key, max);
  if (!value) fail(fmt::format("{} is missing", name(key)));
  return *value;
}

std::optional<double> ConfigSource::positive(std::string_view key) const {
  const auto value = number(key);
  using Limits = std::numeric_limits<float>;
  if (value && !(*value >= Limits::min() && *value <= Limits::max()))
    fail(fmt::format("{} is {}", name(key), *value));
  return value;
}

double ConfigSource::require_positive(std::string_view key) const {
  const auto value = positive(key);
  if (!value) fail(fmt::format("{} is missing", name(key)));
  return *value;
}

void ConfigSource::fail(std::string_view what) const {
  throw Error(ErrorCode::kCorrupt, fmt::format("{}: {}", where_, what), "fetch the model again");
}

void ConfigSource::unsupported(std::string_view what) const {
  throw Error(ErrorCode::kUnsupported, fmt::format("{}: {}", where_, what),
              "choose a model of the Llama, Mistral, Qwen 2, Qwen 3 or Gemma 3 family");
}

}  // namespace tandem
