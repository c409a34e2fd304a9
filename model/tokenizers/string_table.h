// An immutable map from byte strings to token ids, for vocabularies of up to some millions of
// entries. One probe into one array finds most words, which std::unordered_map does not.
#ifndef TANDEM_MODEL_TOKENIZERS_STRING_TABLE_H_
#define TANDEM_MODEL_TOKENIZERS_STRING_TABLE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Safe from any thread once the last insert() has returned.
class StringTable {
 public:
  // `expected` is a hint; more entries than that are fine.
  explicit StringTable(std::size_t expected = 0);

  // The first id given for a key stays.
  void insert(std::string_view key, TokenId id);

  // The id, or -1.
  TokenId find(std::string_view key) const {
    const std::uint64_t hash = hash_of(key);
    for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.id < 0) return -1;
      if (slot.check == static_cast<std::uint32_t>(hash >> 32) && slot.size == key.size() &&
          std::memcmp(bytes_.data() + slot.begin, key.data(), key.size()) == 0) {
        return slot.id;
      }
    }
  }

 private:
  struct Slot {
    std::uint32_t begin = 0;  // of the key in bytes_
    std::uint32_t size = 0;
    std::uint32_t check = 0;
    TokenId id = -1;
  };

  static std::uint64_t hash_of(std::string_view key);
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t mask_ = 0;
  std::size_t used_ = 0;
  std::string bytes_;
};

inline std::uint64_t StringTable::hash_of(std::string_view key) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15u;
  std::uint64_t hash = key.size() * kFactor;
  const char* p = key.data();
  std::size_t left = key.size();
  for (; left >= 8; left -= 8, p += 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 29;
  }
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < left; ++i) {
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(p[i])) << (8 * i);
  }
  hash = (hash ^ word) * kFactor;
  return hash ^ (hash >> 32);
}

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_STRING_TABLE_H_
