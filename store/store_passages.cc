// Passages and their vectors, read.
#include "base/error.h"
#include "store/rocks_store.h"

namespace tandem {

std::vector<std::optional<Passage>> RocksStore::get_passages(std::span<const PassageId> ids) const {
  const auto reading = records_.begin_reading();
  std::vector<std::string> keys;
  for (const PassageId id : ids) keys.push_back(format::passage_key(id));
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(ids.size());
  std::vector<rocksdb::Status> statuses(ids.size());
  records_.db().MultiGet({}, records_.handle(Family::kPassages), slices.size(), slices.data(),
                         values.data(), statuses.data());
  std::vector<std::optional<Passage>> passages(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) throw_status(statuses[i], "cannot read a passage");
    passages[i] = to_passage(ids[i], view(values[i]));
  }
  return passages;
}

std::vector<Passage> RocksStore::document_passages(std::string_view name,
                                                   std::string_view id) const {
  std::vector<Passage> passages;
  read_passages(name, id, [&](Passage passage, std::uint32_t, const rocksdb::Snapshot*) {
    passages.push_back(std::move(passage));
  });
  return passages;
}

void RocksStore::for_each_passage(
    std::string_view name, std::string_view id,
    const std::function<void(const Passage&, std::span<const float>)>& visit) const {
  const VectorSet live = live_vectors();
  std::vector<float> vector(live.dimension);
  read_passages(
      name, id,
      [&](const Passage& passage, std::uint32_t collection, const rocksdb::Snapshot* snapshot) {
        const VectorKey place = vector_key(live.number, collection, passage.id);
        const auto value = records_.get(place.family, place.key, snapshot);
        if (!value) missing("the vector of a passage");
        format::decode_vector(*value, vector);
        visit(passage, vector);
      });
}

void RocksStore::for_each_vector(std::uint32_t set, std::string_view name, PassageId after,
                                 PassageId last, const VectorVisitor& visit) const {
  const auto reading = records_.begin_reading();
  const auto collection = find_collection(name);
  const auto known = vector_set(set);
  if (!collection || !known || after == UINT64_MAX) return;
  std::vector<float> vector(known->dimension);
  const VectorKey first = vector_key(set, collection->number, after + 1);
  const VectorKey end = vector_key(set, collection->number + 1, 0);
  records_.scan(
      first.family, first.key, end.key, [&](std::string_view key, std::string_view value) {
        const PassageId id = format::passage_of_key(set == 0 ? key : format::key_within_set(key));
        if (id > last) return false;
        format::decode_vector(value, vector);
        visit(id, vector);
        return true;
      });
}

RocksStore::VectorKey RocksStore::vector_key(std::uint32_t set, std::uint32_t collection,
                                             PassageId id) {
  std::string key = format::collection_passage_key(collection, id);
  if (set == 0) return {Family::kVectors, std::move(key)};
  return {Family::kMoreVectors, format::number_key(set) + key};
}

RocksStore::VectorRange RocksStore::vector_range(std::uint32_t set) {
  if (set == 0) return {Family::kVectors, "", format::number_key(UINT32_MAX)};
  return {Family::kMoreVectors, format::number_key(set), format::number_key(set + 1)};
}

std::vector<Passage> RocksStore::passages_after(PassageId after, std::size_t limit) const {
  std::vector<Passage> passages;
  if (after == UINT64_MAX || limit == 0) return passages;
  const auto reading = records_.begin_reading();
  records_.scan(Family::kPassages, format::passage_key(after + 1), {},
                [&](std::string_view key, std::string_view value) {
                  passages.push_back(to_passage(format::passage_of_passage_key(key), value));
                  return passages.size() < limit;
                });
  return passages;
}

std::vector<PassageId> RocksStore::deleted_passages(std::string_view name, PassageId last) const {
  const auto reading = records_.begin_reading();
  std::vector<PassageId> ids;
  const auto collection = find_collection(name);
  if (!collection) return ids;
  records_.scan(Family::kTombstones, format::collection_prefix(collection->number),
                format::collection_prefix(collection->number + 1),
                [&](std::string_view key, std::string_view value) {
                  const PassageId first = format::passage_of_key(key);
                  const std::uint32_t count = format::decode_tombstone(value);
                  for (PassageId id = first; id < first + count && id <= last; ++id)
                    ids.push_back(id);
                  return first <= last;
                });
  return ids;
}

// Calls visit(Passage, number of the collection, snapshot) for the passages of one document.
template <typename Visit>
void RocksStore::read_passages(std::string_view name, std::string_view id,
                               const Visit& visit) const {
  const auto reading = records_.begin_reading();
  const auto collection = find_collection(name);
  if (!collection) return;
  rocksdb::ManagedSnapshot snapshot(&records_.db());
  const auto document =
      read_header(format::document_key(collection->number, id), snapshot.snapshot());
  if (!document) return;
  for (std::uint32_t i = 0; i < document->passage_count; ++i) {
    const PassageId passage = document->first_passage + i;
    const auto value =
        records_.get(Family::kPassages, format::passage_key(passage), snapshot.snapshot());
    if (!value) missing("a passage of a document");
    visit(to_passage(passage, *value), collection->number, snapshot.snapshot());
  }
}

Passage RocksStore::to_passage(PassageId id, std::string_view value) const {
  format::PassageRecord record = format::decode_passage(value);
  record.passage.id = id;
  const std::shared_lock lock(state_mutex_);
  const auto name = state_.names.find(record.collection);
  if (name == state_.names.end()) missing("the collection of a passage");
  record.passage.collection = name->second;
  return std::move(record.passage);
}

}  // namespace tandem
