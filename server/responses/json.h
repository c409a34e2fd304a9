// Objects of the responses API, as OpenAI's clients have their types. Offsets are code points. All
// functions are safe from any thread.
#ifndef TANDEM_SERVER_RESPONSES_JSON_H_
#define TANDEM_SERVER_RESPONSES_JSON_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/citations.h"
#include "generator/generator.h"
#include "retriever/retriever.h"
#include "server/http_error.h"
#include "server/responses/request.h"
#include "store/store.h"

namespace tandem {

// What is the same in a response from its beginning to its end.
struct ResponseHead {
  std::string id;  // "resp_" and 24 hexadecimal digits
  std::int64_t created_at_unix_s = 0;
  std::string model;
  std::string release;
  bool store = false;  // whether it is to be kept
};

// `status` is "in_progress", "completed", "incomplete" or "failed"; `output` its items so far.
nlohmann::json response_json(const ResponseHead& head, const ResponseRequest& request,
                             std::string_view status, nlohmann::json output);
nlohmann::json response_usage_json(const GenerationResult& generation);
// `error` of a response that failed.
nlohmann::json response_error_json(const HttpError& error);

// Items of `output`. `results` is null or an array.
nlohmann::json file_search_call_json(std::string_view id, std::string_view status,
                                     const std::vector<std::string>& queries,
                                     nlohmann::json results);
nlohmann::json output_message_json(std::string_view id, std::string_view status,
                                   nlohmann::json content);
nlohmann::json output_text_json(std::string_view text, nlohmann::json annotations,
                                nlohmann::json log_probabilities);

// {file_id, filename, score, text, attributes} and what answer_json.h has of a hit.
nlohmann::json search_results_json(const std::vector<Hit>& hits, const Store& store);
// "file_citation": {type, index, file_id, filename} and what answer_json.h has of a citation.
// `index` is the end of the cited part of the answer.
nlohmann::json annotations_json(const std::vector<Citation>& citations, const Store& store);
// [{token, logprob, bytes, top_logprobs}, …]; `bytes` is empty for a control token.
nlohmann::json response_log_probabilities_json(std::span<const LogProbabilities> tokens,
                                               const Generator& generator);

// Takes away what is only shown where it is asked for: the results of a search.
void hide_results(nlohmann::json& response);

}  // namespace tandem

#endif  // TANDEM_SERVER_RESPONSES_JSON_H_
