#include "retriever/attribute_block.h"

#include "base/error.h"

namespace tandem {
namespace {

DocumentBits first_rows(std::size_t count) {
  return count == 0 ? DocumentBits() : DocumentBits().set() >> (kBlockDocuments - count);
}

}  // namespace

void AttributeColumn::set_kind(std::size_t row, Kind kind) {
  TANDEM_CHECK(row >= kinds_.size() && row < kBlockDocuments);
  kinds_.resize(row, Kind::kMissing);
  kinds_.push_back(kind);
}

void AttributeColumn::set(std::size_t row, double value) {
  set_kind(row, Kind::kNumber);
  numbers_.resize(row);
  numbers_.push_back(value);
}

void AttributeColumn::set(std::size_t row, std::string_view value) {
  set_kind(row, Kind::kString);
  std::size_t code = 0;
  while (code < string_count() && string_at(code) != value) ++code;
  if (code == string_count()) {
    bytes_ += value;
    ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  }
  codes_.resize(row);
  codes_.push_back(static_cast<std::uint8_t>(code));
}

void AttributeColumn::set(std::size_t row, const AttributeValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    set_kind(row, *flag ? Kind::kTrue : Kind::kFalse);
  } else if (const auto* number = std::get_if<double>(&value)) {
    set(row, *number);
  } else {
    set(row, std::string_view(std::get<std::string>(value)));
  }
}

void AttributeColumn::copy(std::size_t row, const AttributeColumn& other, std::size_t from) {
  if (from >= other.kinds_.size()) return;
  switch (const Kind kind = other.kinds_[from]) {
    case Kind::kMissing:
      return;
    case Kind::kFalse:
    case Kind::kTrue:
      return set_kind(row, kind);
    case Kind::kNumber:
      return set(row, other.numbers_[from]);
    case Kind::kString:
      return set(row, other.string_at(other.codes_[from]));
  }
}

std::string_view AttributeColumn::string_at(std::size_t code) const {
  const std::size_t begin = code == 0 ? 0 : ends_[code - 1];
  return std::string_view(bytes_).substr(begin, ends_[code] - begin);
}

DocumentBits AttributeColumn::select(const CompiledFilter& comparison,
                                     std::size_t row_count) const {
  DocumentBits strings;  // by code: each is compared once
  for (std::size_t code = 0; code < string_count(); ++code) {
    strings[code] = comparison.matches(string_at(code));
  }
  DocumentBits selected;
  if (comparison.matches_missing()) selected = first_rows(row_count);
  for (std::size_t row = 0; row < kinds_.size(); ++row) {
    switch (kinds_[row]) {
      case Kind::kMissing:
        break;
      case Kind::kFalse:
        selected[row] = comparison.matches(false);
        break;
      case Kind::kTrue:
        selected[row] = comparison.matches(true);
        break;
      case Kind::kNumber:
        selected[row] = comparison.matches(numbers_[row]);
        break;
      case Kind::kString:
        selected[row] = strings[codes_[row]];
        break;
    }
  }
  return selected;
}

void AttributeBlock::append(const Document& document, PassageRange passages) {
  const std::size_t row = passages_.size();
  TANDEM_CHECK(row < kBlockDocuments);
  passages_.push_back(passages);
  columns_["$id"].set(row, std::string_view(document.id));
  columns_["$source"].set(row, std::string_view(document.source));
  columns_["$title"].set(row, std::string_view(document.title));
  columns_["$media_type"].set(row, std::string_view(document.media_type));
  columns_["$created_at"].set(row, static_cast<double>(document.created_at_unix_s));
  for (const auto& [name, value] : document.attributes) columns_[name].set(row, value);
  if (document.readers.empty()) return;
  columns_[kRestrictedAttribute].set(row, AttributeValue(true));
  for (const std::string& name : document.readers) {
    columns_[reader_attribute(name)].set(row, AttributeValue(true));
  }
}

void AttributeBlock::append(const AttributeBlock& other, std::size_t row) {
  const std::size_t own_row = passages_.size();
  TANDEM_CHECK(own_row < kBlockDocuments);
  passages_.push_back(other.passages_[row]);
  for (const auto& [name, column] : other.columns_) columns_[name].copy(own_row, column, row);
}

DocumentBits AttributeBlock::select(const CompiledFilter& filter) const {
  if (filter.type() == FilterType::kAnd) {
    DocumentBits selected = first_rows(size());
    for (const CompiledFilter& part : filter.filters()) {
      if (selected.none()) break;
      selected &= select(part);
    }
    return selected;
  }
  if (filter.type() == FilterType::kOr) {
    DocumentBits selected;
    for (const CompiledFilter& part : filter.filters()) selected |= select(part);
    return selected;
  }
  const auto column = columns_.find(filter.key());
  if (column != columns_.end()) return column->second.select(filter, size());
  return filter.matches_missing() ? first_rows(size()) : DocumentBits();
}

}  // namespace tandem
