// A page about a run of training.
#ifndef TANDEM_TRAINER_RUN_REPORT_H_
#define TANDEM_TRAINER_RUN_REPORT_H_

#include <string>

#include "trainer/run_record.h"

namespace tandem {

// One HTML document that needs no other file, no network and no script: what came out, curves of
// all numbers over the steps, and the options; light or dark as the reader's system is. Texts of
// the run are text in it, whatever they hold. Pure.
std::string report_html(const RunRecord& run);

}  // namespace tandem

#endif  // TANDEM_TRAINER_RUN_REPORT_H_
