// The answers that the server gave, the newest of them, and all that people said something of.
//
// In the folder of the store, by the time they were given (record_folder.h):
//
//   answers/SEQUENCE-ID~REQUEST.json    the newest answers, the oldest of which go
//   feedback/SEQUENCE-ID~REQUEST.json   answers with their feedback, which stay
//
// SEQUENCE is the time in microseconds, REQUEST the x-request-id. Who says something of an answer
// makes a copy of it, with all that training needs: whether its first record goes meanwhile does
// not matter.
#ifndef TANDEM_SERVER_ANSWERS_RECORDS_H_
#define TANDEM_SERVER_ANSWERS_RECORDS_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/answers/record.h"
#include "server/record_folder.h"

namespace tandem {

inline constexpr RecordLimits kAnswerLimits = {.count = 10'000, .bytes = 1u << 30};
inline constexpr std::size_t kMaxFeedback = 100'000;
// Of the prompt and the messages of an answer; longer ones are not kept.
inline constexpr std::size_t kMaxAnswerBytes = 1u << 20;
// That wait to be written.
inline constexpr std::size_t kMaxWaitingAnswers = 256;

enum class Review { kReviewed, kUnreviewed, kAll };

// All methods may be called from any thread.
class AnswerRecords {
 public:
  // Nothing is written where `read_only`, and change_feedback() and remove_feedback() must not be
  // called. Where `limits` allow no answer none is kept, and those that there are go; feedback
  // stays.
  AnswerRecords(const std::filesystem::path& store, bool read_only,
                RecordLimits limits = kAnswerLimits);
  AnswerRecords(const AnswerRecords&) = delete;
  AnswerRecords& operator=(const AnswerRecords&) = delete;
  // Returns when all are written.
  ~AnswerRecords();

  // Whether add() keeps anything.
  bool keeps() const { return keeps_; }

  // It is found when this returns, and written by a thread of its own: an answer must not wait for
  // a disk. What a crash takes of the last ones nobody was promised. Answers that are too long, or
  // come while too many wait, are not kept, with a warning in the log.
  void add(AnswerRecord record);

  // With its feedback. Nothing if there is none, or no longer.
  std::optional<AnswerRecord> find(std::string_view id) const;
  // The newest one of that x-request-id.
  std::optional<AnswerRecord> find_request(std::string_view request_id) const;
  // Where an answer stands, by its id alone.
  std::optional<RecordPlace> place(std::string_view id) const;
  // All of them, by growing sequence.
  std::vector<RecordPlace> places(Review which) const;

  // Lets `change` change the feedback of an answer, and gives what it is then when it is on the
  // disk. Where it says nothing any more there is none. Nothing if there is no such answer; what
  // `change` throws leaves everything as it was. Throws kResourceExhausted for a full disk, and for
  // kMaxFeedback.
  std::optional<AnswerRecord> change_feedback(std::string_view id,
                                              const std::function<void(AnswerRecord&)>& change);
  // Whether there was any.
  bool remove_feedback(std::string_view id);

 private:
  struct Waiting {
    RecordPlace place;
    AnswerRecord record;
  };
  std::optional<RecordPlace> file_of(std::string_view id) const;
  std::optional<RecordPlace> file_of_request(std::string_view request_id) const;
  std::optional<AnswerRecord> read(const std::optional<RecordPlace>& file) const;
  void write_waiting();

  RecordFolder answers_;
  RecordFolder feedback_;
  const bool keeps_;
  std::mutex feedback_mutex_;  // one change at a time
  mutable std::mutex mutex_;   // guards what follows; never held while something is written
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;  // the first is being written
  std::uint64_t last_sequence_ = 0;
  bool ending_ = false;
  std::thread writer_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_ANSWERS_RECORDS_H_
