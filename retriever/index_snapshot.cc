#include "retriever/index_snapshot.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/error.h"
#include "retriever/row_scan.h"

namespace tandem {
namespace {

// The rows of a part that a set allows, as far as they were looked at.
struct AllowedRows {
  std::vector<std::uint32_t> rows;  // live ones only
  bool complete = false;            // all were looked at; otherwise there are more than the limit
  std::size_t estimate = 0;         // of how many there are in all
};

AllowedRows allowed_rows(const Part& part, const PassageSet& allowed, std::size_t limit) {
  const auto ids = part.ids();
  const auto ranges = allowed.ranges();
  AllowedRows found;
  auto range = std::partition_point(ranges.begin(), ranges.end(), [&](const PassageRange& r) {
    return r.end <= static_cast<PassageId>(ids.front());
  });
  std::size_t row = 0;
  for (; range != ranges.end() && row < ids.size(); ++range) {
    row = static_cast<std::size_t>(
        std::lower_bound(
            ids.begin() + static_cast<std::ptrdiff_t>(row), ids.end(), range->begin,
            [](std::int64_t id, PassageId begin) { return static_cast<PassageId>(id) < begin; }) -
        ids.begin());
    for (; row < ids.size() && static_cast<PassageId>(ids[row]) < range->end; ++row) {
      if (!part.is_live(row)) continue;
      if (found.rows.size() == limit) {
        // As many again in what follows as in what was seen. An allowed row was met at `row`.
        found.estimate = (found.rows.size() + 1) * ids.size() / (row + 1);
        return found;
      }
      found.rows.push_back(static_cast<std::uint32_t>(row));
    }
  }
  found.complete = true;
  found.estimate = found.rows.size();
  return found;
}

}  // namespace

Block::Block(std::size_t row_capacity, std::size_t dimension)
    : capacity(row_capacity),
      ids(new std::int64_t[row_capacity]),
      vectors(new float[row_capacity * dimension]) {}

Part::Part(std::shared_ptr<const Segment> segment)
    : segment_(std::move(segment)),
      ids_(segment_->ids()),
      capacity_(ids_.size()),
      live_count_(ids_.size()) {}

Part::Part(std::shared_ptr<Block> block)
    : block_(std::move(block)), ids_(block_->ids.get(), 0), capacity_(block_->capacity) {}

void Part::append(PassageId id, std::span<const float> vector) {
  TANDEM_CHECK(block_ && !full());
  const std::size_t row = ids_.size();
  block_->ids[row] = static_cast<std::int64_t>(id);
  std::memcpy(&block_->vectors[row * vector.size()], vector.data(), vector.size_bytes());
  ids_ = {block_->ids.get(), row + 1};
  ++live_count_;
}

void Part::remove(std::span<const PassageId> ids) {
  if (ids_.empty()) return;
  const auto begin = std::lower_bound(ids.begin(), ids.end(), static_cast<PassageId>(ids_.front()));
  const auto end = std::upper_bound(begin, ids.end(), static_cast<PassageId>(ids_.back()));
  std::shared_ptr<Bits> bits;
  for (auto id = begin; id != end; ++id) {
    const auto found = std::lower_bound(ids_.begin(), ids_.end(), static_cast<std::int64_t>(*id));
    const auto row = static_cast<std::size_t>(found - ids_.begin());
    if (*found != static_cast<std::int64_t>(*id) || !is_live(row)) continue;
    if (!bits) {
      // The bits of rows that are still to come must be there, and set.
      bits = live_ ? std::make_shared<Bits>(*live_)
                   : std::make_shared<Bits>((capacity_ + 7) / 8, std::uint8_t{0xFF});
      live_ = bits;
    }
    (*bits)[row / 8] = static_cast<std::uint8_t>((*bits)[row / 8] & ~(1u << row % 8));
    --live_count_;
  }
}

void Part::search(std::span<const float> query, std::size_t k, const PassageSet* allowed,
                  TopPassages& best) const {
  if (live_count_ == 0) return;
  std::size_t admitted = live_count_;
  if (allowed != nullptr) {
    const AllowedRows rows =
        allowed_rows(*this, *allowed, segment_ ? segment_->rows_to_offer(k) : ids_.size() / 2);
    if (rows.complete) return offer_all(query, rows.rows, best);
    admitted = rows.estimate;
  }
  k = std::min(k, live_count_);
  if (copy_ && allowed == nullptr) {
    if (const auto rows = copy_->nearest(query, k, live_)) return offer_all(query, *rows, best);
  }
  const RowFilter filter = rows_of(allowed);
  if (segment_) return segment_->search(query, k, filter, admitted, best);
  const QueryScorer scorer(VectorCoding::kFloat, {}, 0, query);
  RowScan(scorer, filter, best).scan_all(block_->coded());
}

void Part::offer_all(std::span<const float> query, std::span<const std::uint32_t> rows,
                     TopPassages& best) const {
  if (segment_) return segment_->offer_all(query, rows, best);
  const QueryScorer scorer(VectorCoding::kFloat, {}, 0, query);
  RowScan(scorer, rows_of(nullptr), best).offer_all(block_->coded(), rows, {});
}

PassageId Snapshot::sealed_last() const {
  return sealed.empty() ? 0 : sealed.back().segment()->file().name().last;
}

std::size_t Snapshot::live_count() const {
  std::size_t count = 0;
  for (const Part& part : sealed) count += part.live_count();
  for (const Part& part : growing) count += part.live_count();
  return count;
}

std::size_t Snapshot::growing_count() const {
  std::size_t count = 0;
  for (const Part& part : growing) count += part.ids().size();
  return count;
}

void Snapshot::append(PassageId id, std::span<const float> vector, std::size_t block_rows) {
  TANDEM_CHECK(id > last && vector.size() == dimension);
  if (growing.empty() || growing.back().full() || growing_frozen) {
    growing.emplace_back(std::make_shared<Block>(block_rows, dimension));
    growing_frozen = false;
  }
  growing.back().append(id, vector);
  last = id;
}

void Snapshot::remove(std::vector<PassageId> ids) {
  std::sort(ids.begin(), ids.end());
  for (Part& part : sealed) part.remove(ids);
  for (Part& part : growing) part.remove(ids);
}

void Snapshot::replace(std::shared_ptr<const Segment> segment) {
  const SegmentName& name = segment->file().name();
  std::vector<PassageId> dead;
  const auto stands_for = [&](const Part& part) {
    const bool covered = part.segment() ? part.segment()->file().name().after >= name.after &&
                                              part.segment()->file().name().last <= name.last
                                        : static_cast<PassageId>(part.ids().back()) <= name.last;
    if (!covered || part.live_count() == part.ids().size()) return covered;
    for (std::size_t row = 0; row < part.ids().size(); ++row) {
      if (!part.is_live(row)) dead.push_back(static_cast<PassageId>(part.ids()[row]));
    }
    return covered;
  };
  std::erase_if(sealed, stands_for);
  std::erase_if(growing, stands_for);
  Part made(std::move(segment));
  std::sort(dead.begin(), dead.end());
  made.remove(dead);
  const auto place = std::find_if(sealed.begin(), sealed.end(), [&](const Part& part) {
    return part.segment()->file().name().after >= name.last;
  });
  sealed.insert(place, std::move(made));
}

std::vector<ScoredPassage> Snapshot::search(std::span<const float> query, std::size_t k,
                                            const PassageSet* allowed) const {
  k = std::min(k, live_count());
  TopPassages best(k);
  for (const Part& part : sealed) part.search(query, k, allowed, best);
  for (const Part& part : growing) part.search(query, k, allowed, best);
  return best.take();
}

}  // namespace tandem
