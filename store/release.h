// A release: the models that serve requests together.
#ifndef TANDEM_STORE_RELEASE_H_
#define TANDEM_STORE_RELEASE_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

using PassageId = std::uint64_t;

// A file of a release, as it was when it was copied into the store's folder.
struct ReleaseFile {
  std::string path;  // relative to the store's folder
  std::uint64_t size_bytes = 0;
  std::string sha256;

  bool operator==(const ReleaseFile&) const = default;
};

// An encoder, with the vectors that it made of all passages, and a generator. Paths that are
// relative are so to the store's folder.
struct Release {
  std::uint32_t number = 0;  // from 1 on; never given twice
  std::string encoder_path;
  std::string encoder_id;  // Encoder::id()
  std::uint32_t dimension = 0;
  std::string generator_path;  // empty: none
  std::uint32_t vectors = 0;   // VectorSet::number
  std::int64_t created_at_unix_s = 0;
  // What was copied. Empty for the models that the store was made with, which stay where they are.
  std::vector<ReleaseFile> files;

  // The copy of its generator; null without one.
  const ReleaseFile* generator_file() const;

  bool operator==(const Release&) const = default;
};

// The vectors that one encoder made; releases with the same encoder share them.
struct VectorSet {
  std::uint32_t number = 0;
  std::string encoder_id;
  std::uint32_t dimension = 0;
  // Every passage of the store up to this one has a vector in the set. UINT64_MAX for that of the
  // live release, which gets its vectors with each document.
  PassageId known_up_to = 0;

  bool operator==(const VectorSet&) const = default;
};

// "r3", as people and HTTP clients name them; the number of such a name, or nothing.
std::string release_name(std::uint32_t number);
std::optional<std::uint32_t> release_number(std::string_view name);

// Where the models of a release are copied to, and the segments of a set of vectors are kept.
std::filesystem::path release_folder(const std::filesystem::path& store, std::uint32_t number);
std::filesystem::path segments_folder(const std::filesystem::path& store, std::uint32_t set);

}  // namespace tandem

#endif  // TANDEM_STORE_RELEASE_H_
