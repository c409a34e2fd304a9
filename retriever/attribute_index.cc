#include "retriever/attribute_index.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "retriever/attribute_block.h"

namespace tandem {
namespace {

// Results kept for each collection.
constexpr std::size_t kKeptSelections = 16;

struct Part {
  std::shared_ptr<const AttributeBlock> block;
  DocumentBits live;  // rows whose document is still there
};

struct Place {
  std::size_t part = 0;
  std::size_t row = 0;
};

PassageRange passages_of(const Document& document) {
  return {document.first_passage, document.first_passage + document.passage_count};
}

}  // namespace

// Documents in the order of their passages. A published one never changes; a writer copies it (the
// blocks are shared), changes the copy and publishes that.
struct AttributeIndex::Snapshot {
  std::vector<Part> parts;
  std::size_t row_count = 0;
  std::size_t live_count = 0;
  PassageId last = 0;  // of the passages of all documents that were appended

  // Documents without passages are left out: there is nothing of them to select.
  void append(const Document& document, PassageRange passages) {
    if (passages.begin == passages.end) return;
    TANDEM_CHECK(passages.begin > last);
    append_row([&](AttributeBlock& block) { block.append(document, passages); });
    last = passages.end - 1;
  }

  std::optional<Place> find(PassageId first_passage) const {
    const auto after = std::upper_bound(
        parts.begin(), parts.end(), first_passage,
        [](PassageId id, const Part& part) { return id < part.block->passages(0).begin; });
    if (after == parts.begin()) return std::nullopt;
    const AttributeBlock& block = *std::prev(after)->block;
    std::size_t low = 0;
    std::size_t high = block.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (block.passages(middle).begin < first_passage) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low == block.size() || block.passages(low).begin != first_passage) return std::nullopt;
    return Place{static_cast<std::size_t>(std::prev(after) - parts.begin()), low};
  }

  // `removed` is what a change of the store says: all passages of one document.
  void remove(std::span<const PassageId> removed) {
    if (removed.empty()) return;
    const auto place = find(removed.front());
    if (!place || !parts[place->part].live[place->row]) return;
    Part& part = parts[place->part];
    part.live.reset(place->row);
    --live_count;
    if (part.live.none()) {
      row_count -= part.block->size();
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(place->part));
    }
    if (row_count > 2 * live_count + kBlockDocuments) compact();
  }

  void change(const Document& document) {
    const auto place = find(document.first_passage);
    if (document.passage_count == 0 || !place) return;
    Part& part = parts[place->part];
    auto changed = std::make_shared<AttributeBlock>();
    for (std::size_t row = 0; row < part.block->size(); ++row) {
      if (row == place->row) {
        changed->append(document, passages_of(document));
      } else {
        changed->append(*part.block, row);
      }
    }
    part.block = std::move(changed);
  }

 private:
  template <typename Append>
  void append_row(const Append& append) {
    if (parts.empty() || parts.back().block->size() == kBlockDocuments) {
      parts.push_back({std::make_shared<AttributeBlock>(), {}});
    }
    Part& part = parts.back();
    // Others may be reading the block, unless nobody else has it, as while all is being made.
    auto block = part.block.use_count() == 1 ? std::const_pointer_cast<AttributeBlock>(part.block)
                                             : std::make_shared<AttributeBlock>(*part.block);
    part.live.set(block->size());
    append(*block);
    part.block = std::move(block);
    ++row_count;
    ++live_count;
  }

  void compact() {
    const std::vector<Part> old = std::exchange(parts, {});
    row_count = live_count = 0;
    for (const Part& part : old) {
      for (std::size_t row = 0; row < part.block->size(); ++row) {
        if (!part.live[row]) continue;
        append_row([&](AttributeBlock& block) { block.append(*part.block, row); });
      }
    }
  }
};

struct AttributeIndex::Collection {
  std::shared_ptr<const Snapshot> snapshot;
  // What filters selected in this snapshot, the newest last.
  std::vector<std::pair<Filter, std::shared_ptr<const PassageSet>>> selections;
};

AttributeIndex::AttributeIndex(const Store& store) : store_(store) {}
AttributeIndex::~AttributeIndex() = default;

void AttributeIndex::put(const Document& document, const StoreChange& change) {
  const std::lock_guard writing(write_mutex_);
  const auto published = find(document.collection);
  if (!published) return;
  Snapshot next = *published;
  next.remove(change.removed);
  // What is made while the store has a document that this was not told of knows it already.
  if (!change.added.empty() && change.added.front() > next.last) {
    next.append(document, {change.added.front(), change.added.back() + 1});
  }
  publish(document.collection, std::move(next));
}

void AttributeIndex::change(const Document& document) {
  const std::lock_guard writing(write_mutex_);
  const auto published = find(document.collection);
  if (!published) return;
  Snapshot next = *published;
  next.change(document);
  publish(document.collection, std::move(next));
}

void AttributeIndex::remove(std::string_view collection, const StoreChange& change) {
  const std::lock_guard writing(write_mutex_);
  const auto published = find(collection);
  if (!published) return;
  Snapshot next = *published;
  next.remove(change.removed);
  publish(collection, std::move(next));
}

std::shared_ptr<const PassageSet> AttributeIndex::select(std::string_view collection,
                                                         const Filter& filter) const {
  {
    const std::lock_guard lock(publish_mutex_);
    const auto found = collections_.find(collection);
    if (found != collections_.end()) {
      for (const auto& [known, set] : found->second.selections) {
        if (known == filter) return set;
      }
    }
  }
  const auto snapshot = find_or_build(collection);
  const CompiledFilter compiled(filter);
  std::vector<PassageRange> ranges;
  for (const Part& part : snapshot->parts) {
    const DocumentBits selected = part.block->select(compiled) & part.live;
    if (selected.none()) continue;
    for (std::size_t row = 0; row < part.block->size(); ++row) {
      if (selected[row]) ranges.push_back(part.block->passages(row));
    }
  }
  auto set = std::make_shared<const PassageSet>(ranges);

  const std::lock_guard lock(publish_mutex_);
  const auto found = collections_.find(collection);
  if (found != collections_.end() && found->second.snapshot == snapshot) {
    auto& selections = found->second.selections;
    if (selections.size() == kKeptSelections) selections.erase(selections.begin());
    selections.emplace_back(filter, set);
  }
  return set;
}

std::shared_ptr<const AttributeIndex::Snapshot> AttributeIndex::find(
    std::string_view collection) const {
  const std::lock_guard lock(publish_mutex_);
  const auto found = collections_.find(collection);
  return found == collections_.end() ? nullptr : found->second.snapshot;
}

std::shared_ptr<const AttributeIndex::Snapshot> AttributeIndex::find_or_build(
    std::string_view collection) const {
  if (auto published = find(collection)) return published;
  const std::lock_guard writing(write_mutex_);
  if (auto published = find(collection)) return published;
  std::vector<Document> documents;
  store_.for_each_document(collection,
                           [&](const Document& document) { documents.push_back(document); });
  std::sort(documents.begin(), documents.end(),
            [](const Document& a, const Document& b) { return a.first_passage < b.first_passage; });
  Snapshot snapshot;
  for (const Document& document : documents) snapshot.append(document, passages_of(document));
  // Names that no document has are not remembered: anybody can ask for them.
  if (documents.empty()) return std::make_shared<const Snapshot>();
  publish(collection, std::move(snapshot));
  return find(collection);
}

void AttributeIndex::publish(std::string_view collection, Snapshot snapshot) const {
  auto next = std::make_shared<const Snapshot>(std::move(snapshot));
  const std::lock_guard lock(publish_mutex_);
  collections_[std::string(collection)] = {std::move(next), {}};
}

}  // namespace tandem
