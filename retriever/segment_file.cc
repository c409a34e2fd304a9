#include "retriever/segment_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/hash.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr int kVersion = 3;
constexpr std::size_t kIdDigits = 20;
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kReadBytes = 1u << 20;
constexpr std::size_t kMaxRows = UINT32_MAX;  // places and links have 32 bits
constexpr std::size_t kMaxDegree = 1024;

constexpr std::array<const char*, kSectionCount> kSectionNames = {
    "ids", "centroids", "list_ends", "entries", "places", "ranges", "links", "codes", "rests"};
constexpr std::array<const char*, 4> kCodingNames = {"float", "half", "byte", "split"};

std::size_t index_of(Section section) {
  return static_cast<std::size_t>(section);
}

std::size_t aligned(std::size_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

std::array<std::size_t, kSectionCount> sizes_of(const SegmentShape& shape) {
  const std::size_t listed_rows = shape.lists > 0 ? shape.rows : 0;
  return {shape.rows * sizeof(std::int64_t),
          shape.lists * shape.dimension * sizeof(float),
          shape.lists * sizeof(std::uint64_t),
          listed_rows * sizeof(std::int64_t),
          listed_rows * sizeof(std::uint32_t),
          shape.coding == VectorCoding::kByte ? 2 * shape.dimension * sizeof(float) : 0,
          shape.rows * shape.degree * sizeof(std::uint32_t),
          shape.rows * shape.code_bytes(),
          shape.coding == VectorCoding::kSplit ? shape.rows * shape.code_bytes() : 0};
}

std::size_t offset_of(const std::array<std::size_t, kSectionCount>& sizes, Section section) {
  std::size_t offset = 0;
  for (std::size_t i = 0; i < index_of(section); ++i) offset = aligned(offset + sizes[i]);
  return offset;
}

std::size_t file_size_of(const std::array<std::size_t, kSectionCount>& sizes) {
  return offset_of(sizes, Section::kRests) + sizes.back();
}

fs::path with_extension(const fs::path& folder, const SegmentName& name, const char* extension) {
  return folder / (name.stem() + extension);
}

// Nullopt unless the stem is one that SegmentName::stem gives.
std::optional<SegmentName> parse_stem(std::string_view stem) {
  if (stem.size() != 3 * kIdDigits + 2) return std::nullopt;
  std::array<std::uint64_t, 3> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const char* begin = stem.data() + i * (kIdDigits + 1);
    const auto [end, error] = std::from_chars(begin, begin + kIdDigits, numbers[i]);
    if (error != std::errc() || end != begin + kIdDigits) return std::nullopt;
    if (i > 0 && begin[-1] != '-') return std::nullopt;
  }
  if (numbers[0] >= numbers[1]) return std::nullopt;
  return SegmentName{numbers[0], numbers[1], numbers[2]};
}

[[noreturn]] void refuse(const char* reason) {
  throw Error(ErrorCode::kCorrupt, reason);
}

// Members that are missing or of another type make this throw.
SegmentShape shape_of(const nlohmann::json& json) {
  SegmentShape shape;
  const auto* coding =
      std::find(kCodingNames.begin(), kCodingNames.end(), json.at("coding").get<std::string>());
  if (coding == kCodingNames.end()) refuse("its vectors are written in an unknown way");
  shape.coding = static_cast<VectorCoding>(coding - kCodingNames.begin());
  shape.dimension = json.at("dimension").get<std::size_t>();
  shape.rows = json.at("rows").get<std::size_t>();
  shape.lists = json.at("lists").get<std::size_t>();
  shape.degree = json.at("degree").get<std::size_t>();
  shape.efforts = json.at("efforts").get<std::array<std::size_t, 2>>();
  shape.length = json.at("length").get<float>();
  return shape;
}

}  // namespace

SegmentOrigin origin_of(const Store& store, const VectorSet& vectors) {
  return {store.identity(), vectors.encoder_id, vectors.dimension, vectors.number};
}

std::string SegmentName::stem() const {
  return fmt::format("{:020}-{:020}-{:020}", after, last, generation);
}

std::size_t SegmentShape::code_bytes() const {
  return tandem::code_bytes(coding, dimension);
}

SegmentFile::SegmentFile(const fs::path& folder, const SegmentName& name,
                         const SegmentOrigin& origin)
    : name_(name), path_(with_extension(folder, name, ".segment")) {
  read_description(origin);
  bytes_ = MappedFile(path_);
  const auto sizes = sizes_of(shape_);
  if (bytes_.bytes().size() != file_size_of(sizes)) refuse("its length is wrong");
  check_sections();
}

void SegmentFile::read_description(const SegmentOrigin& origin) {
  fs::path path = path_;
  path.replace_extension(".json");
  auto json = nlohmann::json::parse(read_file(path, 1u << 16), nullptr, false);
  if (!json.is_object()) refuse("its description cannot be read");
  try {
    if (json.at("version").get<int>() != kVersion) refuse("its format has another version");
    const auto digest = json.at("sha256").get<std::string>();
    json.erase("sha256");
    if (sha256_hex(json.dump()) != digest) refuse("its description is damaged");
    if (json.at("store").get<std::string>() != origin.store_identity) {
      refuse("it belongs to another store");
    }
    if (json.at("encoder").get<std::string>() != origin.encoder_id ||
        json.at("dimension").get<std::size_t>() != origin.dimension) {
      refuse("it was made by another encoder");
    }
    shape_ = shape_of(json);
    for (std::size_t i = 0; i < kSectionCount; ++i) {
      digests_[i] = json.at("sections").at(kSectionNames[i]).get<std::string>();
    }
  } catch (const nlohmann::json::exception&) {
    refuse("its description cannot be read");
  }
  if (shape_.rows > kMaxRows || shape_.lists > shape_.rows || shape_.degree > kMaxDegree ||
      (shape_.lists > 0 && shape_.degree > 0)) {
    refuse("its description makes no sense");
  }
}

void SegmentFile::check_sections() const {
  for (std::size_t i = 0; i < index_of(Section::kCodes); ++i) {
    if (sha256_hex(bytes_of(static_cast<Section>(i))) != digests_[i]) refuse("it is damaged");
  }
  // What was written is right; this is for whatever wrote it.
  const auto ids = section<std::int64_t>(Section::kIds);
  const bool grow = std::is_sorted(ids.begin(), ids.end(), std::less_equal());
  if (!grow || (!ids.empty() && (ids.front() <= static_cast<std::int64_t>(name_.after) ||
                                 ids.back() > static_cast<std::int64_t>(name_.last)))) {
    refuse("it does not hold what its name says");
  }
  for (const std::uint32_t link : section<std::uint32_t>(Section::kLinks)) {
    if (link >= shape_.rows && link != UINT32_MAX) refuse("its graph makes no sense");
  }
  if (shape_.lists == 0) return;
  const auto ends = section<std::uint64_t>(Section::kListEnds);
  const auto entries = section<std::int64_t>(Section::kEntries);
  const auto places = section<std::uint32_t>(Section::kPlaces);
  bool consistent = std::is_sorted(ends.begin(), ends.end()) && ends.back() == shape_.rows;
  for (std::size_t entry = 0; entry < entries.size() && consistent; ++entry) {
    const auto row = static_cast<std::size_t>(entries[entry]);
    consistent = row < places.size() && places[row] == entry;
  }
  if (!consistent) refuse("its lists make no sense");
}

std::span<const std::byte> SegmentFile::bytes_of(Section section) const {
  const auto sizes = sizes_of(shape_);
  return bytes_.bytes().subspan(offset_of(sizes, section), sizes[index_of(section)]);
}

bool SegmentFile::check_codes(const std::function<bool()>& stop) const {
  return check_on_disk(Section::kCodes, stop) && check_on_disk(Section::kRests, stop);
}

// Not by the map: pages that are only read once would count as memory of this process.
bool SegmentFile::check_on_disk(Section section, const std::function<bool()>& stop) const {
  std::ifstream file(path_, std::ios::binary);
  const auto sizes = sizes_of(shape_);
  file.seekg(static_cast<std::streamoff>(offset_of(sizes, section)));
  Sha256 digest;
  std::string buffer(kReadBytes, '\0');
  for (std::size_t left = sizes[index_of(section)]; left > 0;) {
    if (stop()) return true;
    const std::size_t count = std::min(left, buffer.size());
    if (!file.read(buffer.data(), static_cast<std::streamsize>(count))) return false;
    digest.update(std::string_view(buffer).substr(0, count));
    left -= count;
  }
  return digest.finish_hex() == digests_[index_of(section)];
}

struct SegmentWriter::State {
  fs::path folder;
  SegmentName name;
  fs::path temporary;
  std::ofstream file;
  std::size_t written = 0;
  int section = -1;
  std::optional<Sha256> digest;
  std::array<std::string, kSectionCount> digests;
  bool valid = false;

  void finish_section() {
    if (section >= 0) digests[static_cast<std::size_t>(section)] = digest->finish_hex();
  }
  void check() const {
    if (file) return;
    std::error_code failure;
    const auto space = fs::space(folder, failure);
    const bool full = !failure && space.available < (1u << 20);
    throw Error(full ? ErrorCode::kResourceExhausted : ErrorCode::kInternal,
                "cannot write " + temporary.string(), full ? "free some disk space" : "");
  }
};

SegmentWriter::SegmentWriter(const fs::path& folder, const SegmentName& name)
    : state_(std::make_unique<State>()) {
  state_->folder = folder;
  state_->name = name;
  state_->temporary = with_extension(folder, name, ".tmp");
  state_->file.open(state_->temporary, std::ios::binary | std::ios::trunc);
  state_->check();
}

SegmentWriter::~SegmentWriter() {
  std::error_code ignored;
  fs::remove(state_->temporary, ignored);
  if (!state_->valid) remove_segment(state_->folder, state_->name);
}

void SegmentWriter::begin(Section section) {
  State& state = *state_;
  TANDEM_CHECK(static_cast<int>(section) == state.section + 1);
  state.finish_section();
  static constexpr std::array<char, kAlignment> kZeros{};
  const std::size_t padding = aligned(state.written) - state.written;
  state.file.write(kZeros.data(), static_cast<std::streamsize>(padding));
  state.written += padding;
  state.section = static_cast<int>(section);
  state.digest.emplace();
}

void SegmentWriter::write(std::span<const std::byte> bytes) {
  state_->file.write(reinterpret_cast<const char*>(bytes.data()),
                     static_cast<std::streamsize>(bytes.size()));
  state_->digest->update(bytes);
  state_->written += bytes.size();
  state_->check();
}

void SegmentWriter::publish(const SegmentShape& shape, const SegmentOrigin& origin) {
  State& state = *state_;
  TANDEM_CHECK(state.section == static_cast<int>(Section::kRests));
  TANDEM_CHECK(state.written == file_size_of(sizes_of(shape)));
  state.finish_section();
  state.file.close();
  state.check();
  publish_file(state.temporary, with_extension(state.folder, state.name, ".segment"));

  nlohmann::json sections;
  for (std::size_t i = 0; i < kSectionCount; ++i) sections[kSectionNames[i]] = state.digests[i];
  nlohmann::json description = {{"version", kVersion},
                                {"store", origin.store_identity},
                                {"encoder", origin.encoder_id},
                                {"dimension", shape.dimension},
                                {"coding", kCodingNames[static_cast<std::size_t>(shape.coding)]},
                                {"rows", shape.rows},
                                {"lists", shape.lists},
                                {"degree", shape.degree},
                                {"efforts", shape.efforts},
                                {"length", shape.length},
                                {"sections", sections}};
  description["sha256"] = sha256_hex(description.dump());
  write_file_atomic(with_extension(state.folder, state.name, ".json"), description.dump(1) + "\n");
  state.valid = true;
}

std::vector<SegmentName> list_segments(const fs::path& folder) {
  std::vector<SegmentName> names;
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end;
       it.increment(failure)) {
    if (it->path().extension() != ".json") continue;
    if (const auto name = parse_stem(it->path().stem().string())) names.push_back(*name);
  }
  std::sort(names.begin(), names.end(), [](const SegmentName& a, const SegmentName& b) {
    if (a.after != b.after) return a.after < b.after;
    return a.last != b.last ? a.last > b.last : a.generation > b.generation;
  });
  return names;
}

void remove_segment(const fs::path& folder, const SegmentName& name) {
  std::error_code ignored;
  fs::remove(with_extension(folder, name, ".json"), ignored);
  fs::remove(with_extension(folder, name, ".segment"), ignored);
}

void remove_other_segments(const fs::path& folder, std::span<const SegmentName> names) {
  std::set<std::string> kept;
  for (const SegmentName& name : names) {
    kept.insert({name.stem() + ".segment", name.stem() + ".json"});
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
