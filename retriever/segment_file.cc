#include "retriever/segment_file.h"

#include <faiss/index_io.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr int kVersion = 1;
constexpr std::size_t kIdDigits = 20;

std::string stem_of(PassageId after, PassageId last) {
  return fmt::format("{:020}-{:020}", after, last);
}

// {after, last} if the name is one that stem_of gives.
std::optional<std::pair<PassageId, PassageId>> parse_stem(std::string_view stem) {
  if (stem.size() != 2 * kIdDigits + 1 || stem[kIdDigits] != '-') return std::nullopt;
  const auto parse = [](std::string_view digits) -> std::optional<PassageId> {
    PassageId id = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return id;
  };
  const auto after = parse(stem.substr(0, kIdDigits));
  const auto last = parse(stem.substr(kIdDigits + 1));
  if (!after || !last || *after >= *last) return std::nullopt;
  return std::pair(*after, *last);
}

std::string checksum(const fs::path& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  return sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// Throws an Error that says what is wrong.
Segment load_segment(const fs::path& folder, PassageId after, PassageId last,
                     const SegmentOrigin& origin) {
  const auto refuse = [](const char* reason) { throw Error(ErrorCode::kCorrupt, reason); };
  const fs::path stem = folder / stem_of(after, last);
  const auto with = [&](const char* extension) { return fs::path(stem.string() + extension); };

  const auto json = nlohmann::json::parse(read_file(with(".json"), 1u << 16), nullptr, false);
  if (!json.is_object() || json.value("version", 0) != kVersion) {
    refuse("its description cannot be read");
  }
  if (json.value("store", "") != origin.store_identity) refuse("it belongs to another store");
  if (json.value("encoder", "") != origin.encoder_id ||
      json.value("dimension", std::size_t{0}) != origin.dimension) {
    refuse("it was made by another encoder");
  }
  // FAISS trusts the sizes that it reads, so nothing reaches it before the checksum is right.
  if (json.value("sha256", "") != checksum(with(".faiss"))) refuse("it is damaged");

  std::unique_ptr<faiss::Index> read(faiss::read_index(with(".faiss").c_str()));
  auto* map = dynamic_cast<faiss::IndexIDMap*>(read.get());
  if (map == nullptr) refuse("it is not an index of this kind");
  read.release();
  Segment segment{after, last, std::shared_ptr<const faiss::IndexIDMap>(map)};
  const auto* flat = dynamic_cast<const faiss::IndexFlat*>(map->index);
  const auto& ids = map->id_map;
  if (flat == nullptr || static_cast<std::size_t>(flat->d) != origin.dimension ||
      static_cast<std::size_t>(flat->ntotal) != ids.size() || ids.empty() ||
      static_cast<PassageId>(ids.front()) <= after || static_cast<PassageId>(ids.back()) > last ||
      !std::is_sorted(ids.begin(), ids.end(), std::less_equal())) {
    refuse("it does not hold what its name says");
  }
  return segment;
}

}  // namespace

std::vector<Segment> load_segments(const fs::path& folder, const SegmentOrigin& origin) {
  std::map<PassageId, PassageId> last_by_after;
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end;
       it.increment(failure)) {
    if (it->path().extension() != ".json") continue;
    if (const auto range = parse_stem(it->path().stem().string())) last_by_after.insert(*range);
  }

  std::vector<Segment> segments;
  PassageId after = 0;
  for (auto it = last_by_after.find(0); it != last_by_after.end(); it = last_by_after.find(after)) {
    try {
      segments.push_back(load_segment(folder, after, it->second, origin));
    } catch (const std::exception& error) {
      log_warning("the index segment {} is not used: {}; it is made again from the store",
                  (folder / stem_of(after, it->second)).string(), error.what());
      break;
    }
    after = it->second;
  }
  return segments;
}

void save_segment(const fs::path& folder, const Segment& segment, const SegmentOrigin& origin) {
  fs::create_directories(folder);
  const fs::path stem = folder / stem_of(segment.after, segment.last);
  const fs::path temporary = stem.string() + ".tmp";
  std::string digest;
  try {
    faiss::write_index(segment.index.get(), temporary.c_str());
    digest = checksum(temporary);
    publish_file(temporary, stem.string() + ".faiss");
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
  const nlohmann::json description = {{"version", kVersion},
                                      {"store", origin.store_identity},
                                      {"encoder", origin.encoder_id},
                                      {"dimension", origin.dimension},
                                      {"sha256", digest}};
  write_file_atomic(stem.string() + ".json", description.dump(1) + "\n");
}

void remove_other_segments(const fs::path& folder, std::span<const Segment> segments) {
  std::set<std::string> kept;
  for (const Segment& segment : segments) {
    const std::string stem = stem_of(segment.after, segment.last);
    kept.insert({stem + ".faiss", stem + ".json"});
  }
  std::vector<fs::path> others;
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end;
       it.increment(failure)) {
    if (!kept.contains(it->path().filename().string())) others.push_back(it->path());
  }
  for (const fs::path& path : others) fs::remove(path, failure);
}

}  // namespace tandem
