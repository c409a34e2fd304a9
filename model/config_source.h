// The settings of a model, whatever file they come from: the metadata of a GGUF or a config.json.
// Every number is checked before it is handed out.
#ifndef TANDEM_MODEL_CONFIG_SOURCE_H_
#define TANDEM_MODEL_CONFIG_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tandem {

// Getters return nullopt where the setting is absent (or null) and throw kCorrupt, naming file and
// key, where its value has another type or cannot be true.
class ConfigSource {
 public:
  // Far above any model of these families, far below what would overflow a product of two.
  static constexpr std::int64_t kMaxSize = 1 << 24;

  virtual ~ConfigSource() = default;

  virtual std::optional<std::int64_t> integer(std::string_view key) const = 0;
  virtual std::optional<double> number(std::string_view key) const = 0;
  virtual std::optional<bool> boolean(std::string_view key) const = 0;
  virtual std::optional<std::string> text(std::string_view key) const = 0;

  // From 1 to `max`.
  std::optional<int> size(std::string_view key, std::int64_t max = kMaxSize) const;
  int require_size(std::string_view key, std::int64_t max = kMaxSize) const;
  // Above zero, and a normal number as a float too.
  std::optional<double> positive(std::string_view key) const;
  double require_positive(std::string_view key) const;

  // The file does not hold what its format promises.
  [[noreturn]] void fail(std::string_view what) const;
  // It does, but this program would compute something else.
  [[noreturn]] void unsupported(std::string_view what) const;

 protected:
  // `where` begins every message: a path, or a path and the object within it.
  explicit ConfigSource(std::string where) : where_(std::move(where)) {}

  // `key` as the file spells it, for messages.
  virtual std::string name(std::string_view key) const = 0;

 private:
  std::string where_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_CONFIG_SOURCE_H_
