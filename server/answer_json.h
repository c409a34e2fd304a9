// Passages, citations and messages as JSON, in the one form that all routes share. Offsets are code
// points. Pure; safe from any thread.
#ifndef TANDEM_SERVER_ANSWER_JSON_H_
#define TANDEM_SERVER_ANSWER_JSON_H_

#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "generator/chat_template.h"
#include "generator/citations.h"
#include "generator/generator.h"
#include "retriever/retriever.h"
#include "store/store.h"

namespace tandem {

// {passage_id, document_id, collection, title, heading_path, page, start, end, score, text}; page
// is null where the format has none.
nlohmann::json to_json(const Hit& hit);
nlohmann::json to_json(const std::vector<Hit>& hits);

// {number, passage_id, document_id, collection, title, heading_path, page, start, end, quote,
// score, answer_start, answer_end}
nlohmann::json to_json(const std::vector<Citation>& citations);

// [{role, content}, …]
nlohmann::json messages_json(std::span<const ChatMessage> messages);

// {content: [{token, logprob, bytes, top_logprobs: [{token, logprob, bytes}, …]}, …], refusal},
// OpenAI's form. `bytes` is null for a control token, whose `token` is its name; a part of a
// character is U+FFFD in `token` and whole in `bytes`. `generator` is whose tokens they are.
nlohmann::json to_json(std::span<const LogProbabilities> tokens, const Generator& generator);

// {id, object, collection, title, source, media_type, created_at, passage_count}, without the text.
nlohmann::json to_json(const Document& document);

}  // namespace tandem

#endif  // TANDEM_SERVER_ANSWER_JSON_H_
