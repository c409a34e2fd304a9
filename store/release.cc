#include "store/release.h"

#include <algorithm>
#include <charconv>

namespace tandem {

const ReleaseFile* Release::generator_file() const {
  const auto found = std::ranges::find(files, generator_path, &ReleaseFile::path);
  return found == files.end() ? nullptr : &*found;
}

std::string release_name(std::uint32_t number) {
  return "r" + std::to_string(number);
}

std::optional<std::uint32_t> release_number(std::string_view name) {
  std::uint32_t number = 0;
  if (!name.starts_with('r')) return std::nullopt;
  std::from_chars(name.data() + 1, name.data() + name.size(), number);
  // So that there is one name for each: neither "r03" nor "r3x".
  if (number == 0 || name != release_name(number)) return std::nullopt;
  return number;
}

std::filesystem::path release_folder(const std::filesystem::path& store, std::uint32_t number) {
  return store / "releases" / release_name(number);
}

std::filesystem::path segments_folder(const std::filesystem::path& store, std::uint32_t set) {
  return store / (set == 0 ? "segments" : "segments." + std::to_string(set));
}

}  // namespace tandem
