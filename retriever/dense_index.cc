#include "retriever/dense_index.h"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "retriever/device_copy.h"
#include "retriever/index_keeper.h"
#include "retriever/index_snapshot.h"
#include "retriever/merge_policy.h"
#include "retriever/segment_builder.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockRows = 4096;
constexpr char kKindFile[] = "INDEX";

// What cannot be read is as good as not there: the index is a cache.
IndexKind remembered_kind(const fs::path& file) {
  try {
    std::string name = read_file(file, 64);
    while (!name.empty() && name.back() == '\n') name.pop_back();
    const auto kind = index_kinds().find(name);
    if (kind != index_kinds().end()) return kind->second;
    log_warning("{} does not name a kind of index; \"auto\" is used", file.string());
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) log_warning("{}", error.what());
  }
  return IndexKind::kAuto;
}

IndexKind choose_kind(const fs::path& file, const DenseIndexOptions& options) {
  const IndexKind remembered = remembered_kind(file);
  if (!options.kind || *options.kind == remembered) return remembered;
  if (options.write_segments) {
    write_file_atomic(file, to_string(*options.kind) + "\n");
  }
  return *options.kind;
}

using Segments = std::vector<std::shared_ptr<const Segment>>;

// The valid segments from the first on, without a gap. What is wrong with others is logged; nothing
// is thrown for what the folder holds. Nullopt if a file is missing and that was asked for.
std::optional<Segments> try_load_segments(const fs::path& folder, const SegmentOrigin& origin,
                                          bool give_up_on_missing) {
  Segments segments;
  PassageId after = 0;
  for (const SegmentName& name : list_segments(folder)) {
    // Others begin elsewhere, or are what a loaded one was made out of.
    if (name.after != after) continue;
    try {
      segments.push_back(std::make_shared<Segment>(folder, name, origin));
      after = name.last;
    } catch (const Error& error) {
      if (give_up_on_missing && error.code() == ErrorCode::kNotFound) return std::nullopt;
      log_warning("the index segment {} is not used: {}; it is made again from the store",
                  (folder / name.stem()).string(), error.what());
    }
  }
  return segments;
}

// Beside a writing process files may vanish between being listed and being opened; the next list
// has those that took their place.
Segments load_segments(const fs::path& folder, const SegmentOrigin& origin, bool beside_a_writer) {
  for (int attempt = 0; attempt < 5 && beside_a_writer; ++attempt) {
    if (auto segments = try_load_segments(folder, origin, true)) return std::move(*segments);
  }
  return *try_load_segments(folder, origin, false);
}

VectorSet find_vectors(const Store& store, const DenseIndexOptions& options) {
  if (!options.vectors) return store.live_vectors();
  if (auto vectors = store.vector_set(*options.vectors)) return std::move(*vectors);
  throw Error(ErrorCode::kNotFound, "the vectors of this release are not in the store",
              "make the release again");
}

class SegmentedIndex : public DenseIndex, private IndexKeeper::Work {
 public:
  SegmentedIndex(const Store& store, const DenseIndexOptions& options)
      : store_(store),
        options_(options),
        kind_(choose_kind(store.folder() / kKindFile, options)),
        vectors_(find_vectors(store, options)),
        complete_(store.passages_after(vectors_.known_up_to, 1).empty()),
        origin_(origin_of(store, vectors_)),
        segments_folder_(segments_folder(store.folder(), origin_.vectors)) {
    TANDEM_CHECK(options_.segment_capacity > 0);
    for (const CollectionInfo& info : store.list_collections()) {
      // Its name becomes that of a folder.
      check_collection_name(info.name);
      if (info.passage_count > 0) publish(info.name, build(info));
    }
    Work& work = *this;
    if (options_.write_segments) keeper_.emplace(work);
  }

  void add(std::string_view collection, std::span<const PassageId> ids,
           std::span<const float> vectors) override {
    if (ids.empty()) return;
    check_collection_name(collection);
    {
      const std::lock_guard writing(write_mutex_);
      const auto published = find(collection);
      Snapshot next = published ? *published : Snapshot{};
      const std::size_t dimension = vectors.size() / ids.size();
      if (next.dimension == 0) {
        next.dimension = origin_.dimension > 0 ? origin_.dimension : dimension;
      }
      TANDEM_CHECK(next.dimension > 0 && vectors.size() == ids.size() * next.dimension);
      for (std::size_t i = 0; i < ids.size(); ++i) {
        next.append(ids[i], vectors.subspan(i * dimension, dimension), block_rows());
      }
      publish(collection, std::move(next));
    }
    if (keeper_) keeper_->wake();
  }

  void remove(std::string_view collection, std::span<const PassageId> ids) override {
    if (ids.empty()) return;
    {
      const std::lock_guard writing(write_mutex_);
      const auto published = find(collection);
      if (!published) return;
      Snapshot next = *published;
      next.remove({ids.begin(), ids.end()});
      publish(collection, std::move(next));
    }
    if (keeper_) keeper_->wake();
  }

  std::vector<ScoredPassage> search(std::string_view collection, std::span<const float> query,
                                    std::size_t k, const PassageSet* allowed) const override {
    const auto snapshot = find(collection);
    if (!snapshot || k == 0) return {};
    TANDEM_CHECK(query.size() == snapshot->dimension);
    return snapshot->search(query, k, allowed);
  }

  std::size_t size(std::string_view collection) const override {
    const auto snapshot = find(collection);
    return snapshot ? snapshot->live_count() : 0;
  }

  void settle() override {
    if (keeper_) keeper_->settle();
  }

  void retire() override { keeper_.reset(); }

 private:
  Snapshot build(const CollectionInfo& info) {
    const fs::path folder = segments_folder_ / info.name;
    Segments segments = load_segments(folder, origin_, !options_.write_segments);
    Snapshot snapshot = replay(info.name, segments);
    if (snapshot.live_count() != info.passage_count && !segments.empty() && complete_) {
      log_warning(
          "the index segments of collection {} do not agree with the store; they are made "
          "again",
          info.name);
      segments.clear();
      snapshot = replay(info.name, segments);
    }
    if (options_.write_segments) {
      std::vector<SegmentName> names;
      for (const auto& segment : segments) names.push_back(segment->file().name());
      remove_other_segments(folder, names);
      unchecked_.insert(unchecked_.end(), segments.begin(), segments.end());
    }
    return snapshot;
  }

  // The segments, without what was deleted since, and the vectors that came after them.
  Snapshot replay(const std::string& collection, const Segments& segments) const {
    Snapshot snapshot;
    snapshot.dimension = origin_.dimension;
    for (const auto& segment : segments) snapshot.sealed.emplace_back(segment);
    snapshot.last = snapshot.sealed_last();
    if (!segments.empty()) {
      snapshot.remove(store_.deleted_passages(collection, snapshot.sealed_last()));
    }
    store_.for_each_vector(origin_.vectors, collection, snapshot.sealed_last(), UINT64_MAX,
                           [&](PassageId id, std::span<const float> vector) {
                             snapshot.append(id, vector, block_rows());
                           });
    return snapshot;
  }

  // IndexKeeper::Work, in the background.

  bool do_next(const std::function<bool()>& stop) override {
    // Without an encoder id no later opening could tell whose vectors are in a segment.
    if (origin_.encoder_id.empty()) return false;
    for (const auto& [collection, snapshot] : all()) {
      const auto plan = plan_of(*snapshot);
      if (!plan) continue;
      make_segment(collection, *plan, stop);
      return true;
    }
    if (options_.device && copy_segment()) return true;
    if (unchecked_.empty()) return false;
    const auto segment = unchecked_.back().lock();
    if (segment && !segment->file().check_codes(stop)) {
      log_warning("the index segment {} is damaged; it is made again from the store",
                  segment->file().path().string());
      damaged_.push_back(segment);
    }
    if (!stop()) unchecked_.pop_back();
    return true;
  }

  std::optional<MergePlan> plan_of(const Snapshot& snapshot) const {
    std::vector<PartSize> sealed;
    for (const Part& part : snapshot.sealed) {
      const SegmentShape& shape = part.segment()->file().shape();
      const bool same_kind = layout_of(shape) == layout_of(kind_, shape.rows, options_.large_from);
      sealed.push_back(
          {part.ids().size(), part.live_count(),
           !same_kind || std::count(damaged_.begin(), damaged_.end(), part.segment()) > 0});
    }
    PartSize growing;
    for (const Part& part : snapshot.growing) {
      growing.rows += part.ids().size();
      growing.live += part.live_count();
    }
    return plan_merge(sealed, growing, options_.segment_capacity);
  }

  // Makes one segment of what the plan names and puts it in its place. Only this thread changes
  // which segments there are, so the plan holds meanwhile.
  void make_segment(const std::string& collection, const MergePlan& plan,
                    const std::function<bool()>& stop) {
    const fs::path folder = segments_folder_ / collection;
    Segments replaced;
    SegmentPlan segment_plan{collection, {}, kind_, options_.large_from};
    {
      const std::lock_guard writing(write_mutex_);
      Snapshot next = *find(collection);
      for (std::size_t i = plan.begin; i < plan.end; ++i) {
        replaced.push_back(next.sealed[i].segment());
      }
      SegmentName& name = segment_plan.name;
      name.after = replaced.empty() ? next.sealed_last() : replaced.front()->file().name().after;
      name.last = plan.growing ? next.last : replaced.back()->file().name().last;
      for (const auto& old : replaced) {
        name.generation = std::max(name.generation, old->file().name().generation + 1);
      }
      if (plan.growing) {
        next.freeze_growing();
        publish(collection, std::move(next));
      }
    }
    const std::shared_ptr<const Segment> segment =
        build_segment(store_, folder, segment_plan, origin_, stop);
    {
      const std::lock_guard writing(write_mutex_);
      Snapshot next = *find(collection);
      next.replace(segment);
      publish(collection, std::move(next));
    }
    for (const auto& old : replaced) {
      remove_segment(folder, old->file().name());
      std::erase(damaged_, old);
    }
  }

  // Copies one to the device that is not there yet; false if there is none for which it has space.
  bool copy_segment() {
    for (const auto& [collection, snapshot] : all()) {
      for (std::size_t i = 0; i < snapshot->sealed.size(); ++i) {
        const Part& part = snapshot->sealed[i];
        if (part.copy()) continue;
        auto copy = DeviceCopy::make(part.segment(), options_.device, options_.device_least_rows);
        if (!copy) continue;
        const std::lock_guard writing(write_mutex_);
        Snapshot next = *find(collection);
        // Only this thread changes which segments there are.
        next.sealed[i].set_copy(std::move(copy));
        publish(collection, std::move(next));
        return true;
      }
    }
    return false;
  }

  std::size_t block_rows() const { return std::min(kBlockRows, options_.segment_capacity); }

  std::shared_ptr<const Snapshot> find(std::string_view collection) const {
    const std::lock_guard lock(publish_mutex_);
    const auto found = snapshots_.find(collection);
    return found == snapshots_.end() ? nullptr : found->second;
  }

  std::map<std::string, std::shared_ptr<const Snapshot>, std::less<>> all() const {
    const std::lock_guard lock(publish_mutex_);
    return snapshots_;
  }

  void publish(std::string_view collection, Snapshot snapshot) {
    auto next = std::make_shared<const Snapshot>(std::move(snapshot));
    const std::lock_guard lock(publish_mutex_);
    snapshots_.insert_or_assign(std::string(collection), std::move(next));
  }

  const Store& store_;
  const DenseIndexOptions options_;
  const IndexKind kind_;
  const VectorSet vectors_;
  const bool complete_;  // no passage is still without a vector
  const SegmentOrigin origin_;
  const fs::path segments_folder_;

  std::mutex write_mutex_;
  // Held only to copy or swap a pointer. (std::atomic<shared_ptr> of GCC 12 spins on a bit inside
  // and is opaque to the thread sanitizer.)
  mutable std::mutex publish_mutex_;
  std::map<std::string, std::shared_ptr<const Snapshot>, std::less<>> snapshots_;

  // Of the background only. Segments that were loaded and not yet read through; and of these, those
  // that turned out to be damaged.
  std::vector<std::weak_ptr<const Segment>> unchecked_;
  Segments damaged_;

  std::optional<IndexKeeper> keeper_;  // last: it stops before the rest goes
};

}  // namespace

const std::map<std::string, IndexKind>& index_kinds() {
  static const std::map<std::string, IndexKind> kinds = {
      {"auto", IndexKind::kAuto},         {"flat", IndexKind::kFlat},
      {"ivf", IndexKind::kIvf},           {"ivf-fp16", IndexKind::kIvfHalf},
      {"ivf-sq8", IndexKind::kIvfByte},   {"hnsw", IndexKind::kGraph},
      {"hnsw-sq8", IndexKind::kGraphByte}};
  return kinds;
}

const std::string& to_string(IndexKind kind) {
  const auto& kinds = index_kinds();
  return std::find_if(kinds.begin(), kinds.end(),
                      [&](const auto& known) { return known.second == kind; })
      ->first;
}

std::vector<PassageId> ids_of(std::span<const ScoredPassage> passages) {
  std::vector<PassageId> ids;
  ids.reserve(passages.size());
  for (const ScoredPassage& passage : passages) ids.push_back(passage.id);
  return ids;
}

std::unique_ptr<DenseIndex> DenseIndex::open(const Store& store, const DenseIndexOptions& options) {
  return std::make_unique<SegmentedIndex>(store, options);
}

}  // namespace tandem
