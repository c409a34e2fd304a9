// Sealed segments in the memory of a GPU.
//
// A copy only finds candidates, in half precision and without inverted lists: a GPU reads all
// vectors of a segment in less time than it takes to ask it. They are scored again where the
// segment lies, so that a search returns the same scores with a copy and without.
#ifndef TANDEM_RETRIEVER_DEVICE_COPY_H_
#define TANDEM_RETRIEVER_DEVICE_COPY_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "model/device_runtime.h"
#include "model/device_vectors.h"
#include "retriever/row_filter.h"
#include "retriever/segment.h"

namespace tandem {

// What copies may take of a device's memory, those of all indexes that are given it together. Safe
// from any thread.
class DeviceSpace {
 public:
  DeviceSpace(std::shared_ptr<DeviceRuntime> runtime, std::size_t limit_bytes)
      : runtime_(std::move(runtime)), left_(limit_bytes) {}

  // False if there is not as much left.
  bool take(std::size_t bytes);
  void give_back(std::size_t bytes);
  // The device failed: nothing more is copied to it.
  void close();

  const DeviceRuntime& runtime() const { return *runtime_; }
  std::size_t left_bytes() const;

 private:
  const std::shared_ptr<DeviceRuntime> runtime_;
  mutable std::mutex mutex_;
  std::size_t left_;
  bool closed_ = false;
};

// Safe from any thread: searches that come while the device works are put to it together.
class DeviceCopy {
 public:
  // Null if `segment` has fewer than `least_rows`, with which the processor is as quick, or is of a
  // coding that is not copied (kByte, whose users have little memory), if there is no space for it,
  // or the device failed, which is written to the log.
  static std::shared_ptr<const DeviceCopy> make(std::shared_ptr<const Segment> segment,
                                                const std::shared_ptr<DeviceSpace>& space,
                                                std::size_t least_rows);
  ~DeviceCopy();
  DeviceCopy(const DeviceCopy&) = delete;
  DeviceCopy& operator=(const DeviceCopy&) = delete;

  // Rows of the segment, in no order, with the k nearest to `query` among them: of those with their
  // bit in `live`, or of all if that is null. Nullopt if the device failed or the query has numbers
  // that are not finite: then the segment has to be searched.
  std::optional<std::vector<std::uint32_t>> nearest(std::span<const float> query, std::size_t k,
                                                    const std::shared_ptr<const Bits>& live) const;

 private:
  struct Request;
  DeviceCopy(std::shared_ptr<const Segment> segment, std::shared_ptr<DeviceSpace> space,
             std::size_t bytes);
  std::vector<Request*> take_batch(const std::shared_ptr<const Bits>& live) const;
  void answer(std::span<Request* const> batch) const;
  void admit(const std::shared_ptr<const Bits>& live) const;
  std::size_t row_of(std::size_t place) const {
    return entries_.empty() ? place : static_cast<std::size_t>(entries_[place]);
  }

  const std::shared_ptr<const Segment> segment_;
  // The row of each vector; empty where they are in the order of rows.
  const std::span<const std::int64_t> entries_;
  const std::shared_ptr<DeviceSpace> space_;
  const std::size_t bytes_;
  // Of whoever leads a batch.
  std::unique_ptr<DeviceVectors> vectors_;
  mutable std::shared_ptr<const Bits> admitted_;  // what the device was told last

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::vector<Request*> waiting_;
  mutable bool busy_ = false;
  mutable bool failed_ = false;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_DEVICE_COPY_H_
