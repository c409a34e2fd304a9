// Searching for a question that leans on what was said before: "And how tall is it?"
//
// No model writes the question anew: small ones do so badly, and a bad rewriting finds nothing at
// all. Instead the question is searched for twice, as it is and together with the questions before
// it, and each passage gets a weighted sum of both scores. A question that stands by itself finds
// much the same both times; one that does not finds its subject the second time.
#ifndef TANDEM_GENERATOR_FOLLOW_UP_H_
#define TANDEM_GENERATOR_FOLLOW_UP_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "generator/chat_template.h"
#include "retriever/retriever.h"

namespace tandem {

// The question, the last message of the conversation, followed by the two questions of the user
// before it, the newer first: encoders cut off what is too long at its end. A message of more than
// kMaxQuestionBytes is no question and is passed over. Nothing where no question came before. Pure;
// safe from any thread.
inline constexpr std::size_t kMaxQuestionBytes = 1000;
std::optional<std::string> question_with_former(std::span<const ChatMessage> conversation);

// How deep both rankings should be for fuse_hits(): a passage that one of them lacks has no score
// there.
inline constexpr std::size_t kFollowUpDepth = 100;

// What the search with former questions counts beside that without. Of 22 questions that lean on
// one before them, asked of SQLite's manual (MiniLM, hybrid, 4 passages), 6 find the page without
// it and 21 with it; of 8 that lean on one two before them, 1 and 8; of 16 that begin another
// subject, 16 and 16. From 0.6 to 0.7 little changes.
inline constexpr float kFormerQuestionsWeight = 0.65f;

// Of two rankings, best first, the `limit` best of both. Pure; safe from any thread.
std::vector<Hit> fuse_hits(std::vector<Hit> alone, std::vector<Hit> with_former, std::size_t limit);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_FOLLOW_UP_H_
