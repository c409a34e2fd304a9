// Attributes of up to 256 documents, in columns. Not for other rooms.
#ifndef TANDEM_RETRIEVER_ATTRIBUTE_BLOCK_H_
#define TANDEM_RETRIEVER_ATTRIBUTE_BLOCK_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "retriever/compiled_filter.h"
#include "retriever/passage_set.h"
#include "store/store.h"

namespace tandem {

inline constexpr std::size_t kBlockDocuments = 256;
using DocumentBits = std::bitset<kBlockDocuments>;  // by row of a block

// Values of one attribute by row. Takes a byte for each row, one more where there are strings and
// eight where there are numbers, and each string once.
class AttributeColumn {
 public:
  // For rows in growing order; those between have no value.
  void set(std::size_t row, const AttributeValue& value);
  void set(std::size_t row, double value);
  void set(std::size_t row, std::string_view value);
  // The value of row `from` of `other`, if it has one.
  void copy(std::size_t row, const AttributeColumn& other, std::size_t from);

  // Of the first `row_count` rows.
  DocumentBits select(const CompiledFilter& comparison, std::size_t row_count) const;

 private:
  enum class Kind : std::uint8_t { kMissing, kFalse, kTrue, kNumber, kString };

  void set_kind(std::size_t row, Kind kind);
  std::size_t string_count() const { return ends_.size(); }
  std::string_view string_at(std::size_t code) const;

  // Those that are needed; rows beyond the end have no value.
  std::vector<Kind> kinds_;
  std::vector<double> numbers_;
  std::vector<std::uint8_t> codes_;  // of strings
  // The strings, one behind the other, and where each ends: copied with two calls, since a block is
  // copied whenever a document is written to it.
  std::string bytes_;
  std::vector<std::uint32_t> ends_;
};

// A value: filled by its owner alone, and never changed once others may read it.
class AttributeBlock {
 public:
  std::size_t size() const { return passages_.size(); }
  PassageRange passages(std::size_t row) const { return passages_[row]; }

  // The document's id, source and so on are taken too, under their built-in names. There must be
  // room.
  void append(const Document& document, PassageRange passages);
  void append(const AttributeBlock& other, std::size_t row);

  // The rows that the filter selects.
  DocumentBits select(const CompiledFilter& filter) const;

 private:
  std::vector<PassageRange> passages_;
  std::map<std::string, AttributeColumn, std::less<>> columns_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_ATTRIBUTE_BLOCK_H_
