#include "retriever/row_scan.h"

#include <algorithm>
#include <array>

namespace tandem {
namespace {

constexpr std::size_t kBlock = 1024;

}  // namespace

void RowScan::offer(const CodedVectors& vectors, std::size_t number, std::size_t row, float score) {
  if (vectors.rests != nullptr) {
    const std::size_t at = number * scorer_.code_bytes();
    score = scorer_.exact_score(vectors.codes + at, vectors.rests + at);
  }
  best_.offer(static_cast<PassageId>(filter_.ids[row]), score);
}

void RowScan::scan(const CodedVectors& vectors, std::size_t first, std::size_t count,
                   const std::int64_t* rows) {
  std::array<float, kBlock> scores;
  std::array<std::uint32_t, kBlock> numbers;
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t size = std::min(kBlock, count - begin);
    const auto row_of = [&](std::size_t i) {
      return rows == nullptr ? begin + i : static_cast<std::size_t>(rows[begin + i]);
    };
    const std::uint8_t* const codes = vectors.codes + (first + begin) * scorer_.code_bytes();
    if (filter_.allowed == nullptr) {
      // Most are live: only those that are good enough are worth asking about.
      scorer_.score(codes, std::span(scores).first(size));
      for (std::size_t i = 0; i < size; ++i) {
        if (may_be_kept(scores[i]) && filter_.is_live(row_of(i))) {
          offer(vectors, first + begin + i, row_of(i), scores[i]);
        }
      }
    } else {
      std::size_t admitted = 0;
      for (std::size_t i = 0; i < size; ++i) {
        if (filter_.admits(row_of(i))) numbers[admitted++] = static_cast<std::uint32_t>(i);
      }
      scorer_.score(codes, std::span(numbers).first(admitted), std::span(scores).first(admitted));
      for (std::size_t i = 0; i < admitted; ++i) {
        if (!may_be_kept(scores[i])) continue;
        offer(vectors, first + begin + numbers[i], row_of(numbers[i]), scores[i]);
      }
    }
  }
}

void RowScan::offer_all(const CodedVectors& vectors, std::span<const std::uint32_t> rows,
                        std::span<const std::uint32_t> places) {
  std::array<float, kBlock> scores;
  std::array<std::uint32_t, kBlock> numbers;
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlock) {
    const std::size_t size = std::min(kBlock, rows.size() - begin);
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint32_t row = rows[begin + i];
      numbers[i] = places.empty() ? row : places[row];
    }
    scorer_.score(vectors.codes, std::span(numbers).first(size), std::span(scores).first(size));
    for (std::size_t i = 0; i < size; ++i) {
      if (may_be_kept(scores[i])) offer(vectors, numbers[i], rows[begin + i], scores[i]);
    }
  }
}

}  // namespace tandem
