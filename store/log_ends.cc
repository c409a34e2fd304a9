#include "store/log_ends.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = 32'768;
constexpr std::size_t kHeaderBytes = 7;
constexpr std::size_t kTypeAt = 6;
constexpr std::uint32_t kMask = 0xA282'EAD8;

// Castagnoli's polynomial, its bits in reverse.
constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F6'3B78u : 0);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrcTable = make_crc_table();

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::size_t length_of(std::string_view record) {
  return byte_at(record, 4) | static_cast<std::size_t>(byte_at(record, 5)) << 8;
}

std::uint32_t stored_crc(std::string_view record) {
  std::uint32_t masked = 0;
  for (std::size_t i = 4; i-- > 0;) masked = masked << 8 | byte_at(record, i);
  return std::rotl(masked - kMask, 15);
}

// Whether some beginning of what follows the header is what the record's sum is of.
bool is_whole_for_another_length(std::string_view record) {
  const std::uint32_t wanted = stored_crc(record);
  std::uint32_t crc = ~std::uint32_t{0};
  for (std::size_t i = kTypeAt; i < record.size(); ++i) {
    crc = crc >> 8 ^ kCrcTable[(crc ^ byte_at(record, i)) & 0xFF];
    if (~crc == wanted) return true;
  }
  return false;
}

// Empty where the file ends with a block, or is no longer there.
std::string last_block(const fs::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : 0;
  std::string block(static_cast<std::size_t>(size) % kBlockBytes, '\0');
  file.seekg(size - static_cast<std::streamoff>(block.size()));
  file.read(block.data(), static_cast<std::streamsize>(block.size()));
  block.resize(static_cast<std::size_t>(file.gcount()));
  return block;
}

void check_end(const fs::path& path) {
  const std::string block = last_block(path);
  std::string_view rest = block;
  while (rest.size() >= kHeaderBytes) {
    const std::size_t size = kHeaderBytes + length_of(rest);
    if (size <= rest.size()) {
      rest.remove_prefix(size);
      continue;
    }
    if (!is_whole_for_another_length(rest)) return;  // a crash has cut it off
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} is damaged: the record at byte {} from its end has a wrong length, "
                            "and what comes after it cannot be read",
                            path.string(), rest.size()),
                "restore the folder from a copy; opened as it is, the store would lack the latest "
                "writes");
  }
}

bool is_log(const fs::path& path) {
  return path.extension() == ".log" || path.filename().string().starts_with("MANIFEST-");
}

}  // namespace

void check_log_ends(const fs::path& database) {
  std::error_code fault;
  for (fs::directory_iterator entry(database, fault), end; !fault && entry != end;
       entry.increment(fault)) {
    if (is_log(entry->path())) check_end(entry->path());
  }
}

}  // namespace tandem
