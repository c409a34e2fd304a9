// The inner products of one query with many vectors, as segments write them.
//
// A search waits for memory, so that half the bytes are half the time. Floats are therefore split:
// their upper halves, rounded, are bfloat16 and tell nearly every vector apart from the best; the
// lower halves are read only where that does not decide. The result is that of whole floats.
//
// FAISS 1.7.3 reads whole floats, by scanners that take one vector at a time, have no instructions
// wider than those of AVX2, and expand a quantised number before it is multiplied.
#ifndef TANDEM_RETRIEVER_QUERY_SCORER_H_
#define TANDEM_RETRIEVER_QUERY_SCORER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tandem {

enum class VectorCoding {
  kFloat,
  kHalf,
  kByte,   // a number's place in the range of its column
  kSplit,  // bfloat16, with a rest of as many bytes apart from it
};

// Of one vector, without its rest.
std::size_t code_bytes(VectorCoding coding, std::size_t dimension);

// The kSplit code of each number, the bfloat16 nearest to it, and its rest: the bits of the number
// are code * 2^16 + rest.
void split_floats(std::span<const float> values, std::span<std::uint16_t> codes,
                  std::span<std::int16_t> rests);

// Immutable; safe from any thread. A vector's score does not depend on what is scored with it.
class QueryScorer {
 public:
  // `ranges` is [2, dimension] for kByte: a code c of column j stands for
  // ranges[0, j] + ranges[1, j] * (c + 0.5) / 255. `length` is, for kSplit, that of the longest
  // vector. Neither is looked at otherwise. The query is referred to, not copied.
  QueryScorer(VectorCoding coding, std::span<const float> ranges, float length,
              std::span<const float> query);
  QueryScorer(const QueryScorer&) = delete;
  QueryScorer& operator=(const QueryScorer&) = delete;

  // Of one vector, without its rest.
  std::size_t code_bytes() const { return tandem::code_bytes(coding_, query_.size()); }

  // Of the first scores.size() vectors of `codes`.
  void score(const std::uint8_t* codes, std::span<float> scores) const;
  // Of the vectors of `codes` with these numbers; as many as there are scores.
  void score(const std::uint8_t* codes, std::span<const std::uint32_t> numbers,
             std::span<float> scores) const;

  // How far a score can be from the exact one; 0 unless kSplit.
  float error() const { return error_; }
  // Of one vector of kSplit, by its code and its rest.
  float exact_score(const std::uint8_t* code, const std::uint8_t* rest) const;

 private:
  void score(const std::uint8_t* codes, const std::uint32_t* numbers,
             std::span<float> scores) const;

  VectorCoding coding_;
  std::vector<float> scaled_;     // for kByte: the query, each number times its range
  std::span<const float> query_;  // what codes are multiplied by
  float offset_ = 0;              // what all scores have in common
  float error_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_QUERY_SCORER_H_
