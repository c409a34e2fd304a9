// The options of `tandem train` that follow from a request for fine-tuning.
#ifndef TANDEM_SERVER_TUNING_TRAINING_ARGUMENTS_H_
#define TANDEM_SERVER_TUNING_TRAINING_ARGUMENTS_H_

#include <string>
#include <vector>

#include "server/json_fields.h"
#include "server/tuning/request.h"

namespace tandem {

// `own` is the object "tandem" of the request, `request` what the fields beside it say. Files and
// models are not among the options: they depend on where the job is run. Throws RequestError (400)
// naming a field of `own` that is wrong, or that the request's method has no use for. Pure.
std::vector<std::string> training_arguments(const Fields& own, const TuningRequest& request);

}  // namespace tandem

#endif  // TANDEM_SERVER_TUNING_TRAINING_ARGUMENTS_H_
