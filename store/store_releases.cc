// Releases, and the sets of vectors that they search.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/log.h"
#include "store/rocks_store.h"

namespace tandem {
namespace {

const Release& find_release(const std::map<std::uint32_t, Release>& releases,
                            std::uint32_t number) {
  const auto found = releases.find(number);
  if (found != releases.end()) return found->second;
  throw Error(ErrorCode::kNotFound,
              fmt::format("the store has no release {}", release_name(number)),
              "see which there are: tandem release list");
}

}  // namespace

void RocksStore::load_releases() {
  state_.numbers = {};
  state_.releases.clear();
  state_.sets.clear();
  if (const auto value = records_.get(Family::kMeta, format::kReleasesKey)) {
    state_.numbers = format::decode_releases(*value);
  }
  records_.scan(Family::kReleases, {}, {}, [&](std::string_view key, std::string_view value) {
    Release release = format::decode_release(value);
    release.number = format::number_of_key(key);
    state_.releases[release.number] = std::move(release);
    return true;
  });
  records_.scan(Family::kVectorSets, {}, {}, [&](std::string_view key, std::string_view value) {
    VectorSet set = format::decode_vector_set(value);
    set.number = format::number_of_key(key);
    state_.sets[set.number] = std::move(set);
    return true;
  });
  if (state_.releases.empty()) return;
  const auto live = state_.releases.find(state_.numbers.live);
  if (live == state_.releases.end()) missing("the record of the live release");
  if (!state_.sets.contains(live->second.vectors)) missing("the record of the live vectors");
}

// Those of the settings where there are no records yet.
std::map<std::uint32_t, Release> RocksStore::known_releases() const {
  if (!state_.releases.empty() || state_.settings.encoder_id.empty()) return state_.releases;
  Release first;
  first.number = state_.numbers.live;
  first.encoder_path = state_.settings.encoder_path;
  first.encoder_id = state_.settings.encoder_id;
  first.dimension = state_.settings.dimension;
  first.generator_path = state_.settings.generator_path;
  return {{first.number, first}};
}

std::map<std::uint32_t, VectorSet> RocksStore::known_sets() const {
  if (!state_.sets.empty()) return state_.sets;
  return {{0, {0, state_.settings.encoder_id, state_.settings.dimension, UINT64_MAX}}};
}

std::vector<Release> RocksStore::releases() const {
  const std::shared_lock lock(state_mutex_);
  std::vector<Release> releases;
  for (auto& [number, release] : known_releases()) releases.push_back(release);
  return releases;
}

std::optional<Release> RocksStore::live_release() const {
  const std::shared_lock lock(state_mutex_);
  const auto releases = known_releases();
  if (releases.empty()) return std::nullopt;
  return releases.at(state_.numbers.live);
}

std::optional<Release> RocksStore::previous_release() const {
  const std::shared_lock lock(state_mutex_);
  const auto found = state_.releases.find(state_.numbers.previous);
  return found == state_.releases.end() ? std::nullopt : std::optional(found->second);
}

VectorSet RocksStore::live_vectors() const {
  const std::shared_lock lock(state_mutex_);
  if (state_.releases.empty()) {
    return {0, state_.settings.encoder_id, state_.settings.dimension, UINT64_MAX};
  }
  return state_.sets.at(state_.releases.at(state_.numbers.live).vectors);
}

std::optional<VectorSet> RocksStore::vector_set(std::uint32_t number) const {
  const std::shared_lock lock(state_mutex_);
  const auto sets = known_sets();
  const auto found = sets.find(number);
  return found == sets.end() ? std::nullopt : std::optional(found->second);
}

PassageId RocksStore::last_passage() const {
  return next_passage_ - 1;
}

void RocksStore::put_release(rocksdb::WriteBatch& batch, const Release& release) const {
  records_.put(batch, Family::kReleases, format::number_key(release.number),
               format::encode_release(release));
}

void RocksStore::put_set(rocksdb::WriteBatch& batch, const VectorSet& set) const {
  records_.put(batch, Family::kVectorSets, format::number_key(set.number),
               format::encode_vector_set(set));
}

std::uint32_t RocksStore::reserve_release() {
  const std::lock_guard writing(write_mutex_);
  make_writable();
  State next = state_;
  next.releases = known_releases();
  if (next.releases.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "the store " + folder_.string() + " has no encoder yet",
                "index documents into it first");
  }
  rocksdb::WriteBatch batch;
  if (state_.releases.empty()) {
    Release& first = next.releases.begin()->second;
    first.created_at_unix_s = std::time(nullptr);
    next.sets = known_sets();
    put_release(batch, first);
    put_set(batch, next.sets.begin()->second);
  }
  const std::uint32_t number = next.numbers.next++;
  records_.put(batch, Family::kMeta, format::kReleasesKey, format::encode_releases(next.numbers));
  records_.commit(batch);
  const std::unique_lock lock(state_mutex_);
  state_ = std::move(next);
  return number;
}

Release RocksStore::add_release(const Release& release) {
  const std::lock_guard writing(write_mutex_);
  make_writable();
  State next = state_;
  TANDEM_CHECK(release.number < next.numbers.next && !next.releases.contains(release.number));
  TANDEM_CHECK(!release.encoder_id.empty() && release.dimension > 0);
  rocksdb::WriteBatch batch;
  const auto same = std::find_if(next.sets.begin(), next.sets.end(), [&](const auto& entry) {
    return entry.second.encoder_id == release.encoder_id;
  });
  Release added = release;
  if (same != next.sets.end()) {
    added.vectors = same->first;
  } else {
    added.vectors = next.numbers.next_set++;
    const VectorSet set{added.vectors, release.encoder_id, release.dimension, 0};
    put_set(batch, set);
    next.sets[set.number] = set;
  }
  put_release(batch, added);
  next.releases[added.number] = added;
  records_.put(batch, Family::kMeta, format::kReleasesKey, format::encode_releases(next.numbers));
  records_.commit(batch);
  const std::unique_lock lock(state_mutex_);
  state_ = std::move(next);
  return added;
}

// 0 if there is none.
PassageId RocksStore::greatest_passage() const {
  rocksdb::ReadOptions options;
  const std::unique_ptr<rocksdb::Iterator> it(
      records_.db().NewIterator(options, records_.handle(Family::kPassages)));
  it->SeekToLast();
  if (!it->status().ok()) throw_status(it->status(), "cannot read from the store");
  return it->Valid() ? format::passage_of_passage_key(view(it->key())) : 0;
}

void RocksStore::promote_release(std::uint32_t number) {
  const std::lock_guard writing(write_mutex_);
  make_writable();
  State next = state_;
  const Release promoted = find_release(known_releases(), number);
  if (number == next.numbers.live) return;
  const std::uint32_t former_set = next.releases.at(next.numbers.live).vectors;
  // Not the last id that was given: those of a write that failed may still come to life.
  const PassageId greatest = greatest_passage();
  VectorSet& set = next.sets.at(promoted.vectors);
  if (set.known_up_to < greatest) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("not all passages have vectors of the release {} yet", release_name(number)),
        "try again in a few seconds");
  }
  rocksdb::WriteBatch batch;
  if (former_set != promoted.vectors) {
    next.sets.at(former_set).known_up_to = greatest;
    put_set(batch, next.sets.at(former_set));
    set.known_up_to = UINT64_MAX;
    put_set(batch, set);
  }
  next.numbers.previous = next.numbers.live;
  next.numbers.live = number;
  next.settings.encoder_path = promoted.encoder_path;
  next.settings.encoder_id = promoted.encoder_id;
  next.settings.dimension = promoted.dimension;
  next.settings.generator_path = promoted.generator_path;
  records_.put(batch, Family::kMeta, format::kReleasesKey, format::encode_releases(next.numbers));
  records_.put(batch, Family::kMeta, format::kSettingsKey, format::encode_settings(next.settings));
  records_.commit(batch);
  const std::unique_lock lock(state_mutex_);
  state_ = std::move(next);
}

void RocksStore::remove_release(std::uint32_t number) {
  std::optional<std::uint32_t> unused;
  {
    const std::lock_guard writing(write_mutex_);
    make_writable();
    State next = state_;
    const std::uint32_t set = find_release(known_releases(), number).vectors;
    if (number == next.numbers.live) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("the release {} is the one that serves", release_name(number)),
                  "promote another one first");
    }
    next.releases.erase(number);
    rocksdb::WriteBatch batch;
    records_.erase(batch, Family::kReleases, format::number_key(number));
    if (std::none_of(next.releases.begin(), next.releases.end(),
                     [&](const auto& entry) { return entry.second.vectors == set; })) {
      unused = set;
      next.sets.erase(set);
      records_.erase(batch, Family::kVectorSets, format::number_key(set));
      const VectorRange range = vector_range(set);
      records_.erase_range(batch, range.family, range.first, range.end);
    }
    if (next.numbers.previous == number) next.numbers.previous = 0;
    records_.put(batch, Family::kMeta, format::kReleasesKey, format::encode_releases(next.numbers));
    records_.commit(batch);
    const std::unique_lock lock(state_mutex_);
    state_ = std::move(next);
  }
  // A crash from here on leaves only folders, which the next opening removes.
  std::error_code failure;
  std::filesystem::remove_all(release_folder(folder_, number), failure);
  if (failure)
    log_warning("cannot remove the models of {}: {}", release_name(number), failure.message());
  if (!unused) return;
  std::filesystem::remove_all(segments_folder(folder_, *unused), failure);
  if (failure)
    log_warning("cannot remove the segments of {}: {}", release_name(number), failure.message());
  const auto reading = records_.begin_reading();
  const VectorRange range = vector_range(*unused);
  records_.compact(range.family, range.first, range.end);
}

void RocksStore::add_vectors(std::uint32_t number, std::span<const Passage> passages,
                             std::span<const float> vectors) {
  if (passages.empty()) return;
  const std::lock_guard writing(write_mutex_);
  make_writable();
  const auto known = state_.sets.find(number);
  if (known == state_.sets.end()) {
    throw Error(ErrorCode::kNotFound, "the vectors' release was removed meanwhile",
                "see which there are: tandem release list");
  }
  VectorSet set = known->second;
  check_vectors(passages.size(), vectors, set.dimension);
  TANDEM_CHECK(set.known_up_to != UINT64_MAX && passages.front().id > set.known_up_to);
  rocksdb::WriteBatch batch;
  for (std::size_t i = 0; i < passages.size(); ++i) {
    const PassageId id = passages[i].id;
    const auto collection = find_collection(passages[i].collection);
    if (!collection || !records_.get(Family::kPassages, format::passage_key(id))) continue;
    const VectorKey place = vector_key(number, collection->number, id);
    records_.put(batch, place.family, place.key,
                 format::encode_vector(vectors.subspan(i * set.dimension, set.dimension)));
  }
  set.known_up_to = passages.back().id;
  put_set(batch, set);
  records_.commit(batch);
  const std::unique_lock lock(state_mutex_);
  state_.sets[number] = set;
}

}  // namespace tandem
