// The vectors that a sealed segment is made of.
#ifndef TANDEM_RETRIEVER_SEALED_ROWS_H_
#define TANDEM_RETRIEVER_SEALED_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "retriever/segment_file.h"
#include "store/store.h"

namespace tandem {

// Thrown out of the making of a segment when it was asked to stop.
struct BuildStopped {};

// The live vectors of an interval of ids. They lie in a file that has no name any more, so that
// they take memory only as far as the system can spare it. Immutable; safe from any thread.
class SealedRows {
 public:
  // By way of the file `temporary`, which is gone afterwards. `stop` is asked now and then. Throws
  // Error and BuildStopped.
  SealedRows(const Store& store, const std::filesystem::path& temporary,
             const std::string& collection, const SegmentName& interval,
             const SegmentOrigin& origin, const std::function<bool()>& stop);

  std::size_t size() const { return ids_.size(); }
  std::size_t dimension() const { return dimension_; }
  std::span<const std::int64_t> ids() const { return ids_; }
  const float* vector(std::size_t row) const {
    return reinterpret_cast<const float*>(vectors_.bytes().data()) + row * dimension_;
  }
  // [rows, dimension]
  std::vector<float> gather(std::span<const std::size_t> rows) const;
  // `count` different rows, or all if there are no more, by growing number.
  std::vector<std::size_t> sample(std::size_t count, std::mt19937& random) const;

 private:
  std::size_t dimension_;
  std::vector<std::int64_t> ids_;
  MappedFile vectors_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_SEALED_ROWS_H_
