// A curve as SVG, for a page that is read without a script.
#ifndef TANDEM_TRAINER_LINE_CHART_H_
#define TANDEM_TRAINER_LINE_CHART_H_

#include <string>
#include <string_view>

#include "trainer/run_record.h"

namespace tandem {

// Text as the content of an element or an attribute in quotation marks: nothing in it is markup.
std::string html_text(std::string_view text);

// An <svg> element of the curve over the steps, under its name; empty for a curve without points.
// A long curve is drawn by the mean of neighbouring points; above a hundred points a smoothed line
// stands before it. Colours are those of the page: --line, --faint, --grid and --text.
std::string line_chart(std::string_view name, const Curve& curve);

}  // namespace tandem

#endif  // TANDEM_TRAINER_LINE_CHART_H_
