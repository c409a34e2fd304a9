#include "retriever/sealed_rows.h"

#include <algorithm>
#include <fstream>

#include "base/error.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStopRows = 4096;

}  // namespace

SealedRows::SealedRows(const Store& store, const fs::path& temporary, const std::string& collection,
                       const SegmentName& interval, const SegmentOrigin& origin,
                       const std::function<bool()>& stop)
    : dimension_(origin.dimension) {
  const TemporaryPath removed_in_the_end(temporary);
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    store.for_each_vector(origin.vectors, collection, interval.after, interval.last,
                          [&](PassageId id, std::span<const float> vector) {
                            if (ids_.size() % kStopRows == 0 && stop()) throw BuildStopped();
                            ids_.push_back(static_cast<std::int64_t>(id));
                            file.write(reinterpret_cast<const char*>(vector.data()),
                                       static_cast<std::streamsize>(vector.size_bytes()));
                          });
    file.close();
    if (!file) {
      throw Error(ErrorCode::kResourceExhausted, "cannot write " + temporary.string(),
                  "free some disk space");
    }
  }
  vectors_ = MappedFile(temporary);
  TANDEM_CHECK(vectors_.bytes().size() == ids_.size() * dimension_ * sizeof(float));
}

std::vector<float> SealedRows::gather(std::span<const std::size_t> rows) const {
  std::vector<float> gathered;
  gathered.reserve(rows.size() * dimension_);
  for (const std::size_t row : rows) {
    gathered.insert(gathered.end(), vector(row), vector(row) + dimension_);
  }
  return gathered;
}

std::vector<std::size_t> SealedRows::sample(std::size_t count, std::mt19937& random) const {
  std::vector<std::size_t> rows;
  std::size_t left = std::min(count, size());
  for (std::size_t row = 0; left > 0; ++row) {
    if (random() % (size() - row) < left) {
      rows.push_back(row);
      --left;
    }
  }
  return rows;
}

}  // namespace tandem
