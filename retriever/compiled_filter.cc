#include "retriever/compiled_filter.h"

#include <algorithm>
#include <functional>
#include <variant>

namespace tandem {
namespace {

// By `type` of a value and the bounds of its kind: none, where the filter's value is of another.
template <typename Value, typename Bound>
bool is_selected(FilterType type, bool negated, const Value& value,
                 const std::vector<Bound>& bounds) {
  switch (type) {
    case FilterType::kGreater:
      return !bounds.empty() && value > bounds[0];
    case FilterType::kGreaterOrEqual:
      return !bounds.empty() && value >= bounds[0];
    case FilterType::kLess:
      return !bounds.empty() && value < bounds[0];
    case FilterType::kLessOrEqual:
      return !bounds.empty() && value <= bounds[0];
    default:
      return std::binary_search(bounds.begin(), bounds.end(), value, std::less<>()) != negated;
  }
}

}  // namespace

CompiledFilter::CompiledFilter(const Filter& filter)
    : type_(filter.type),
      filters_(filter.filters.begin(), filter.filters.end()),
      key_(filter.key),
      negated_(filter.type == FilterType::kNotEqual || filter.type == FilterType::kNotIn) {
  for (const AttributeValue& value : filter.values) {
    if (const auto* flag = std::get_if<bool>(&value)) booleans_.push_back(*flag);
    if (const auto* number = std::get_if<double>(&value)) numbers_.push_back(*number);
    if (const auto* text = std::get_if<std::string>(&value)) strings_.push_back(*text);
  }
  std::sort(booleans_.begin(), booleans_.end());
  std::sort(numbers_.begin(), numbers_.end());
  std::sort(strings_.begin(), strings_.end());
}

bool CompiledFilter::matches(bool value) const {
  const bool found = std::find(booleans_.begin(), booleans_.end(), value) != booleans_.end();
  switch (type_) {
    case FilterType::kEqual:
    case FilterType::kIn:
    case FilterType::kNotEqual:
    case FilterType::kNotIn:
      return found != negated_;
    default:
      return false;  // true and false have no order
  }
}

bool CompiledFilter::matches(double value) const {
  return is_selected(type_, negated_, value, numbers_);
}

bool CompiledFilter::matches(std::string_view value) const {
  return is_selected(type_, negated_, value, strings_);
}

}  // namespace tandem
