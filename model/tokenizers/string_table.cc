#include "model/tokenizers/string_table.h"

#include <bit>
#include <limits>

#include "base/error.h"

namespace tandem {

StringTable::StringTable(std::size_t expected)
    : slots_(std::bit_ceil(expected * 2 + 16)), mask_(slots_.size() - 1) {}

void StringTable::insert(std::string_view key, TokenId id) {
  TANDEM_CHECK(id >= 0);
  TANDEM_CHECK(bytes_.size() + key.size() <= std::numeric_limits<std::uint32_t>::max());
  if (find(key) >= 0) return;
  if ((used_ + 1) * 2 > slots_.size()) grow();
  const std::uint64_t hash = hash_of(key);
  std::size_t i = hash & mask_;
  while (slots_[i].id >= 0) i = (i + 1) & mask_;
  slots_[i] = {static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(key.size()),
               static_cast<std::uint32_t>(hash >> 32), id};
  bytes_.append(key);
  ++used_;
}

void StringTable::grow() {
  const std::vector<Slot> old = std::move(slots_);
  slots_.assign(old.size() * 2, Slot{});
  mask_ = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    std::size_t i = hash_of({bytes_.data() + slot.begin, slot.size}) & mask_;
    while (slots_[i].id >= 0) i = (i + 1) & mask_;
    slots_[i] = slot;
  }
}

}  // namespace tandem
