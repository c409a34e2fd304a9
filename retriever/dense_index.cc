#include "retriever/dense_index.h"

#include <faiss/impl/IDSelector.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "retriever/segment_file.h"

namespace tandem {
namespace {

using FaissId = faiss::Index::idx_t;

constexpr std::size_t kBlockRows = 4096;

// Rows that are filled one after the other and never move or change, so that a reader may use those
// it knows of while the next ones are written. (FAISS's own indexes reallocate when they grow,
// which crashes a search that is under way.)
struct Block {
  Block(std::size_t row_capacity, std::size_t dimension)
      : capacity(row_capacity),
        ids(new FaissId[row_capacity]),
        vectors(new float[row_capacity * dimension]) {}
  std::size_t capacity;
  // Plain new: pages that are not written yet take no memory.
  std::unique_ptr<FaissId[]> ids;
  std::unique_ptr<float[]> vectors;
};

using Bits = std::vector<std::uint8_t>;

// Vectors by growing id that are searched in one call: a sealed segment, or a block as far as it
// was filled when this value was made.
struct Part {
  std::shared_ptr<const void> owner;  // of the memory below
  const FaissId* ids = nullptr;       // [count]
  const float* vectors = nullptr;     // [count, dimension]
  std::size_t count = 0;
  std::size_t live_count = 0;
  std::shared_ptr<const Bits> live;  // a bit for each row; null while all are live

  bool is_live(std::size_t row) const { return !live || ((*live)[row / 8] >> row % 8 & 1) != 0; }
};

// The state of a collection at one moment. A published one never changes; a writer copies it (the
// parts are shared), changes the copy and publishes that.
struct Snapshot {
  std::size_t dimension = 0;
  std::vector<Part> sealed;
  std::vector<Part> growing;
  std::shared_ptr<Block> tail;  // of growing.back(); written to by the one writer only
  PassageId sealed_last = 0;    // all vectors up to here are in `sealed`
  PassageId last = 0;
  std::size_t live_count = 0;
};

// Marks those of `ids` (sorted) that are in `part` as deleted; returns how many were live.
std::size_t remove_from(Part& part, std::span<const PassageId> ids, std::size_t capacity) {
  const auto first_id = static_cast<PassageId>(part.ids[0]);
  const auto last_id = static_cast<PassageId>(part.ids[part.count - 1]);
  const auto begin = std::lower_bound(ids.begin(), ids.end(), first_id);
  const auto end = std::upper_bound(begin, ids.end(), last_id);
  if (begin == end) return 0;
  auto bits = part.live ? std::make_shared<Bits>(*part.live)
                        : std::make_shared<Bits>((capacity + 7) / 8, std::uint8_t{0xFF});
  std::size_t removed = 0;
  for (auto id = begin; id != end; ++id) {
    const auto* found =
        std::lower_bound(part.ids, part.ids + part.count, static_cast<FaissId>(*id));
    if (*found != static_cast<FaissId>(*id)) continue;
    const auto row = static_cast<std::size_t>(found - part.ids);
    const auto bit = static_cast<std::uint8_t>(1u << row % 8);
    if (((*bits)[row / 8] & bit) == 0) continue;
    (*bits)[row / 8] = static_cast<std::uint8_t>((*bits)[row / 8] & ~bit);
    ++removed;
  }
  if (removed == 0) return 0;
  part.live = std::move(bits);
  part.live_count -= removed;
  return removed;
}

void remove_from(Snapshot& snapshot, std::vector<PassageId> ids) {
  std::sort(ids.begin(), ids.end());
  for (Part& part : snapshot.sealed) {
    snapshot.live_count -= remove_from(part, ids, part.count);
  }
  for (Part& part : snapshot.growing) {
    // The bits of rows that are still to come must be there, and set.
    const std::size_t capacity =
        &part == &snapshot.growing.back() ? snapshot.tail->capacity : part.count;
    snapshot.live_count -= remove_from(part, ids, capacity);
  }
}

void append_to_growing(Snapshot& snapshot, PassageId id, const float* vector,
                       std::size_t block_rows) {
  if (!snapshot.tail || snapshot.growing.back().count == snapshot.tail->capacity) {
    snapshot.tail = std::make_shared<Block>(block_rows, snapshot.dimension);
    snapshot.growing.push_back(
        {snapshot.tail, snapshot.tail->ids.get(), snapshot.tail->vectors.get(), 0, 0, nullptr});
  }
  Part& part = snapshot.growing.back();
  snapshot.tail->ids[part.count] = static_cast<FaissId>(id);
  std::memcpy(&snapshot.tail->vectors[part.count * snapshot.dimension], vector,
              snapshot.dimension * sizeof(float));
  ++part.count;
  ++part.live_count;
}

// Calls visit(id, vector) for each live row, by growing id.
template <typename Visit>
void for_each_live(std::span<const Part> parts, std::size_t dimension, const Visit& visit) {
  for (const Part& part : parts) {
    for (std::size_t row = 0; row < part.count; ++row) {
      if (part.is_live(row)) visit(part.ids[row], part.vectors + row * dimension);
    }
  }
}

Part part_of(const Segment& segment) {
  return {segment.index, segment.ids(), segment.vectors(), segment.size(), segment.size(), nullptr};
}

// Rows that are live and whose passage is allowed.
struct AllowedRows : faiss::IDSelector {
  AllowedRows(const Part& of, const PassageSet& set) : part(of), allowed(set) {}
  bool is_member(FaissId row) const override {
    return allowed.contains(static_cast<PassageId>(part.ids[row])) &&
           part.is_live(static_cast<std::size_t>(row));
  }
  const Part& part;
  const PassageSet& allowed;
};

// Adds the best of one part to `best`. With one query FAISS computes in the calling thread, which
// is what a server with a thread for each request wants.
void search_part(const Part& part, std::span<const float> query, std::size_t k,
                 const PassageSet* allowed, std::vector<ScoredPassage>& best) {
  if (part.live_count == 0) return;
  k = std::min({k, part.live_count, allowed == nullptr ? k : allowed->size()});
  if (k == 0) return;
  std::vector<float> scores(k);
  std::vector<std::int64_t> rows(k);
  std::unique_ptr<const faiss::IDSelector> selector;
  if (allowed != nullptr) {
    selector = std::make_unique<AllowedRows>(part, *allowed);
  } else if (part.live) {
    selector = std::make_unique<faiss::IDSelectorBitmap>(part.count, part.live->data());
  }
  faiss::knn_inner_product(query.data(), part.vectors, query.size(), 1, part.count, k,
                           scores.data(), rows.data(), selector.get());
  for (std::size_t i = 0; i < k; ++i) {
    // FAISS fills with -1 where nothing compares as better: past the last row that is selected, and
    // for scores that are NaN.
    if (rows[i] < 0) continue;
    best.push_back({static_cast<PassageId>(part.ids[rows[i]]), scores[i]});
  }
}

bool better(const ScoredPassage& a, const ScoredPassage& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

class SegmentedIndex : public DenseIndex {
 public:
  SegmentedIndex(const Store& store, const DenseIndexOptions& options)
      : options_(options),
        segments_folder_(store.folder() / "segments"),
        origin_{store.identity(), store.settings().encoder_id, store.settings().dimension} {
    TANDEM_CHECK(options_.segment_capacity > 0);
    for (const CollectionInfo& info : store.list_collections()) {
      // Its name becomes that of a folder.
      check_collection_name(info.name);
      if (info.passage_count > 0) publish(info.name, build(store, info));
    }
  }

  void add(std::string_view collection, std::span<const PassageId> ids,
           std::span<const float> vectors) override {
    if (ids.empty()) return;
    check_collection_name(collection);
    const std::lock_guard writing(write_mutex_);
    const auto published = find(collection);
    Snapshot next = published ? *published : Snapshot{};
    const std::size_t dimension = vectors.size() / ids.size();
    if (next.dimension == 0) {
      next.dimension = origin_.dimension > 0 ? origin_.dimension : dimension;
    }
    TANDEM_CHECK(next.dimension > 0 && vectors.size() == ids.size() * next.dimension);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      append(collection, next, ids[i], vectors.data() + i * dimension);
    }
    publish(collection, std::move(next));
  }

  void remove(std::string_view collection, std::span<const PassageId> ids) override {
    if (ids.empty()) return;
    const std::lock_guard writing(write_mutex_);
    const auto published = find(collection);
    if (!published) return;
    Snapshot next = *published;
    remove_from(next, {ids.begin(), ids.end()});
    publish(collection, std::move(next));
  }

  std::vector<ScoredPassage> search(std::string_view collection, std::span<const float> query,
                                    std::size_t k, const PassageSet* allowed) const override {
    std::vector<ScoredPassage> best;
    const auto snapshot = find(collection);
    if (!snapshot || k == 0) return best;
    TANDEM_CHECK(query.size() == snapshot->dimension);
    for (const Part& part : snapshot->sealed) search_part(part, query, k, allowed, best);
    for (const Part& part : snapshot->growing) search_part(part, query, k, allowed, best);
    const auto count = static_cast<std::ptrdiff_t>(std::min(k, best.size()));
    std::partial_sort(best.begin(), best.begin() + count, best.end(), better);
    best.resize(static_cast<std::size_t>(count));
    return best;
  }

  std::size_t size(std::string_view collection) const override {
    const auto snapshot = find(collection);
    return snapshot ? snapshot->live_count : 0;
  }

 private:
  Snapshot build(const Store& store, const CollectionInfo& info) {
    const std::filesystem::path folder = segments_folder_ / info.name;
    std::vector<Segment> segments = load_segments(folder, origin_);
    Snapshot snapshot = replay(store, info.name, segments);
    if (snapshot.live_count != info.passage_count && !segments.empty()) {
      log_warning(
          "the index segments of collection {} do not agree with the store; they are made "
          "again",
          info.name);
      segments.clear();
      snapshot = replay(store, info.name, segments);
    }
    return snapshot;
  }

  // The segments, without what was deleted since, and the vectors that came after them. Drops from
  // `segments` those that are not worth keeping, and their files.
  Snapshot replay(const Store& store, const std::string& collection,
                  std::vector<Segment>& segments) {
    Snapshot snapshot;
    snapshot.dimension = origin_.dimension;
    for (const Segment& segment : segments) {
      snapshot.sealed.push_back(part_of(segment));
      snapshot.live_count += segment.size();
    }
    if (!segments.empty()) {
      remove_from(snapshot, store.deleted_passages(collection, segments.back().last));
    }
    // From the first segment that is mostly deleted, all are made anew: opening is the one moment
    // at which this costs no search anything.
    const auto sparse =
        std::find_if(snapshot.sealed.begin(), snapshot.sealed.end(),
                     [](const Part& part) { return part.live_count < part.count / 2; });
    segments.resize(static_cast<std::size_t>(sparse - snapshot.sealed.begin()));
    for (auto part = sparse; part != snapshot.sealed.end(); ++part) {
      snapshot.live_count -= part->live_count;
    }
    snapshot.sealed.erase(sparse, snapshot.sealed.end());
    snapshot.sealed_last = snapshot.last = segments.empty() ? 0 : segments.back().last;
    if (options_.write_segments) remove_other_segments(segments_folder_ / collection, segments);

    store.for_each_vector(collection, snapshot.sealed_last,
                          [&](PassageId id, std::span<const float> vector) {
                            append(collection, snapshot, id, vector.data());
                          });
    return snapshot;
  }

  void append(std::string_view collection, Snapshot& snapshot, PassageId id, const float* vector) {
    TANDEM_CHECK(id > snapshot.last);
    append_to_growing(snapshot, id, vector, block_rows());
    snapshot.last = id;
    ++snapshot.live_count;
    std::size_t rows = 0;
    for (const Part& part : snapshot.growing) rows += part.count;
    if (rows >= options_.segment_capacity) seal(collection, snapshot);
  }

  // Turns the growing segment into a sealed one, or, if most of it was deleted meanwhile, into a
  // smaller growing one.
  void seal(std::string_view collection, Snapshot& snapshot) {
    std::size_t live_count = 0;
    for (const Part& part : snapshot.growing) live_count += part.live_count;
    const std::vector<Part> rows = std::exchange(snapshot.growing, {});
    snapshot.tail.reset();
    if (live_count < std::max<std::size_t>(options_.segment_capacity / 2, 1)) {
      for_each_live(rows, snapshot.dimension, [&](FaissId id, const float* vector) {
        append_to_growing(snapshot, static_cast<PassageId>(id), vector, block_rows());
      });
      return;
    }

    const auto dimension = static_cast<FaissId>(snapshot.dimension);
    auto flat = std::make_unique<faiss::IndexFlatIP>(dimension);
    flat->codes.reserve(live_count * snapshot.dimension * sizeof(float));
    auto index = std::make_shared<faiss::IndexIDMap>(flat.release());
    index->own_fields = true;
    for_each_live(rows, snapshot.dimension,
                  [&](FaissId id, const float* vector) { index->add_with_ids(1, vector, &id); });
    const Segment segment{snapshot.sealed_last, snapshot.last, std::move(index)};
    snapshot.sealed.push_back(part_of(segment));
    snapshot.sealed_last = segment.last;
    // Without an encoder id no later opening could tell whose vectors these are.
    if (!options_.write_segments || origin_.encoder_id.empty()) return;
    try {
      save_segment(segments_folder_ / collection, segment, origin_);
    } catch (const std::exception& error) {
      log_warning("an index segment of collection {} was not saved, opening will take longer: {}",
                  collection, error.what());
    }
  }

  std::size_t block_rows() const { return std::min(kBlockRows, options_.segment_capacity); }

  std::shared_ptr<const Snapshot> find(std::string_view collection) const {
    const std::lock_guard lock(publish_mutex_);
    const auto found = snapshots_.find(collection);
    return found == snapshots_.end() ? nullptr : found->second;
  }

  void publish(std::string_view collection, Snapshot snapshot) {
    auto next = std::make_shared<const Snapshot>(std::move(snapshot));
    const std::lock_guard lock(publish_mutex_);
    snapshots_.insert_or_assign(std::string(collection), std::move(next));
  }

  const DenseIndexOptions options_;
  const std::filesystem::path segments_folder_;
  const SegmentOrigin origin_;

  std::mutex write_mutex_;
  // Held only to copy or swap a pointer. (std::atomic<shared_ptr> of GCC 12 spins on a bit inside
  // and is opaque to the thread sanitizer.)
  mutable std::mutex publish_mutex_;
  std::map<std::string, std::shared_ptr<const Snapshot>, std::less<>> snapshots_;
};

}  // namespace

std::unique_ptr<DenseIndex> DenseIndex::open(const Store& store, const DenseIndexOptions& options) {
  return std::make_unique<SegmentedIndex>(store, options);
}

}  // namespace tandem
