#include "model/printable.h"

#include "base/utf8.h"

namespace tandem {

std::string printable(std::string_view name) {
  constexpr std::size_t kMaxBytes = 80;
  if (name.size() <= kMaxBytes) return repair_utf8(name);
  return repair_utf8(name.substr(0, complete_utf8_prefix(name.substr(0, kMaxBytes)))) + "...";
}

}  // namespace tandem
