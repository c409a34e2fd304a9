// A filter made ready to be compared with many values. Not for other rooms.
#ifndef TANDEM_RETRIEVER_COMPILED_FILTER_H_
#define TANDEM_RETRIEVER_COMPILED_FILTER_H_

#include <string>
#include <string_view>
#include <vector>

#include "retriever/filter.h"

namespace tandem {

// Immutable; may be shared between threads.
class CompiledFilter {
 public:
  explicit CompiledFilter(const Filter& filter);

  FilterType type() const { return type_; }
  // Of and/or.
  const std::vector<CompiledFilter>& filters() const { return filters_; }

  // Of a comparison: the attribute, and whether a value of it is selected.
  const std::string& key() const { return key_; }
  bool matches(bool value) const;
  bool matches(double value) const;
  bool matches(std::string_view value) const;
  bool matches_missing() const { return negated_; }

 private:
  FilterType type_;
  std::vector<CompiledFilter> filters_;
  std::string key_;
  bool negated_ = false;  // kNotEqual and kNotIn, which are kIn and the opposite
  // What to look for, sorted; the bound alone for kGreater and its like.
  std::vector<bool> booleans_;
  std::vector<double> numbers_;
  std::vector<std::string> strings_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_COMPILED_FILTER_H_
