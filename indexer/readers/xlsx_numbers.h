// How Excel shows the number of a cell, as far as it changes what the number says.
#ifndef TANDEM_INDEXER_READERS_XLSX_NUMBERS_H_
#define TANDEM_INDEXER_READERS_XLSX_NUMBERS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem {

enum class NumberFormat : std::uint8_t { kPlain, kPercent, kDate, kTime };

// Of a built-in format (ECMA-376 part 1, 18.8.30), by its number.
NumberFormat builtin_number_format(long id);

// Of a format that a workbook defines: "yyyy\-mm\-dd", "0.0%".
NumberFormat parse_number_format(std::string_view code);

// `number` as a cell holds it; given back as it is where it is no number. Days count from 1900, or
// from 1904 with `since_1904`.
std::string format_number(std::string_view number, NumberFormat format, bool since_1904);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_XLSX_NUMBERS_H_
