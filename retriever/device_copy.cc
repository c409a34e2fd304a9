#include "retriever/device_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace tandem {
namespace {

constexpr std::size_t kMostTogether = 1024;

// Half precision may put a row that belongs to the best k behind some others; how many that can be
// depends on how close their scores are.
std::size_t candidates_for(std::size_t k) {
  return 2 * k + 32;
}

}  // namespace

bool DeviceSpace::take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (closed_ || bytes > left_) return false;
  left_ -= bytes;
  return true;
}

void DeviceSpace::give_back(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  left_ += bytes;
}

void DeviceSpace::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

std::size_t DeviceSpace::left_bytes() const {
  const std::lock_guard lock(mutex_);
  return closed_ ? 0 : left_;
}

struct DeviceCopy::Request {
  std::span<const float> query;
  std::size_t k = 0;
  std::shared_ptr<const Bits> live;
  std::optional<std::vector<std::uint32_t>> rows = std::nullopt;
  bool done = false;
};

std::shared_ptr<const DeviceCopy> DeviceCopy::make(std::shared_ptr<const Segment> segment,
                                                   const std::shared_ptr<DeviceSpace>& space,
                                                   std::size_t least_rows) {
  const SegmentShape& shape = segment->file().shape();
  const bool copied = shape.coding == VectorCoding::kSplit || shape.coding == VectorCoding::kHalf;
  // LibTorch takes NaN for more than every number.
  const bool finite = shape.length < std::numeric_limits<float>::max();
  const std::size_t bytes = shape.rows * shape.dimension * sizeof(std::uint16_t);
  if (shape.rows < std::max<std::size_t>(least_rows, 1) || !copied || !finite ||
      !space->take(bytes)) {
    return nullptr;
  }
  try {
    return std::shared_ptr<const DeviceCopy>(new DeviceCopy(std::move(segment), space, bytes));
  } catch (const Error& error) {
    space->give_back(bytes);
    space->close();
    log_warning("vectors are searched on the processor: {}", error.message());
    return nullptr;
  }
}

DeviceCopy::DeviceCopy(std::shared_ptr<const Segment> segment, std::shared_ptr<DeviceSpace> space,
                       std::size_t bytes)
    : segment_(std::move(segment)),
      entries_(segment_->file().section<std::int64_t>(Section::kEntries)),
      space_(std::move(space)),
      bytes_(bytes),
      vectors_(DeviceVectors::load(segment_->file().section<std::uint16_t>(Section::kCodes),
                                   segment_->file().shape().dimension,
                                   segment_->file().shape().coding == VectorCoding::kSplit
                                       ? HalfPrecision::kBFloat16
                                       : HalfPrecision::kFloat16,
                                   space_->runtime())) {}

DeviceCopy::~DeviceCopy() {
  vectors_.reset();
  space_->give_back(bytes_);
}

std::optional<std::vector<std::uint32_t>> DeviceCopy::nearest(
    std::span<const float> query, std::size_t k, const std::shared_ptr<const Bits>& live) const {
  if (!std::all_of(query.begin(), query.end(), [](float value) { return std::isfinite(value); })) {
    return std::nullopt;
  }
  Request request{query, std::min(candidates_for(k), segment_->ids().size()), live};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&request);
  changed_.wait(lock, [&] { return request.done || !busy_; });
  if (request.done) return std::move(request.rows);
  busy_ = true;
  const std::vector<Request*> batch = take_batch(live);
  const bool works = !failed_;
  lock.unlock();
  bool answered = false;
  if (works) {
    try {
      answer(batch);
      answered = true;
    } catch (const std::exception& error) {
      log_warning("vectors are searched on the processor: {}", error.what());
    }
  }
  lock.lock();
  for (Request* const other : batch) {
    if (!answered) other->rows.reset();
    other->done = true;
  }
  if (!answered) {
    failed_ = true;
    space_->close();
  }
  busy_ = false;
  lock.unlock();
  changed_.notify_all();
  return std::move(request.rows);
}

// The waiting ones that may find the same rows, the caller's among them.
std::vector<DeviceCopy::Request*> DeviceCopy::take_batch(
    const std::shared_ptr<const Bits>& live) const {
  std::vector<Request*> batch;
  std::erase_if(waiting_, [&](Request* request) {
    if (request->live != live) return false;
    batch.push_back(request);
    return true;
  });
  return batch;
}

void DeviceCopy::answer(std::span<Request* const> batch) const {
  admit(batch.front()->live);
  for (std::size_t begin = 0; begin < batch.size(); begin += kMostTogether) {
    const auto part = batch.subspan(begin, std::min(kMostTogether, batch.size() - begin));
    std::vector<float> queries;
    queries.reserve(part.size() * part.front()->query.size());
    std::size_t k = 0;
    for (const Request* request : part) {
      queries.insert(queries.end(), request->query.begin(), request->query.end());
      k = std::max(k, request->k);
    }
    const std::vector<std::uint32_t> places = vectors_->nearest(queries, k);
    for (std::size_t i = 0; i < part.size(); ++i) {
      std::vector<std::uint32_t>& rows = part[i]->rows.emplace();
      for (std::size_t rank = 0; rank < part[i]->k; ++rank) {
        const std::uint32_t place = places[i * k + rank];
        if (place == DeviceVectors::kNone) break;
        rows.push_back(static_cast<std::uint32_t>(row_of(place)));
      }
    }
  }
}

void DeviceCopy::admit(const std::shared_ptr<const Bits>& live) const {
  if (live == admitted_) return;
  std::vector<std::uint8_t> admitted;
  if (live) {
    const RowFilter filter{.ids = {}, .live = live.get()};
    admitted.resize(segment_->ids().size());
    for (std::size_t place = 0; place < admitted.size(); ++place) {
      admitted[place] = filter.is_live(row_of(place)) ? 1 : 0;
    }
  }
  vectors_->admit(admitted);
  admitted_ = live;
}

}  // namespace tandem
