#include "server/vector_stores/worker.h"

#include <fmt/format.h>

#include <exception>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace tandem {
namespace {

constexpr char kServerError[] = "server_error";

// Ends the reading of a file that was deleted, cancelled, or is to be read later.
class Unwanted : public std::exception {};

// What the file is at fault for, as OpenAI calls it; nothing where trying again may help.
std::optional<std::string> code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnsupported:
      return "unsupported_file";
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kCorrupt:
    case ErrorCode::kTooLarge:
    case ErrorCode::kTimeout:
      return "invalid_file";
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kUnavailable:
      return std::nullopt;
    default:
      return kServerError;
  }
}

}  // namespace

VectorStoreWorker::VectorStoreWorker(VectorStores& stores, Ingestor& ingestor,
                                     const UploadedFiles& files, std::chrono::milliseconds pause)
    : stores_(stores), ingestor_(ingestor), files_(files), pause_(pause) {
  thread_ = std::thread([this] { work(); });
}

VectorStoreWorker::~VectorStoreWorker() {
  stopping_ = true;
  stores_.wake();
  thread_.join();
}

// Whether it did not fail.
bool VectorStoreWorker::attempt(const std::function<void()>& step) {
  try {
    step();
    return true;
  } catch (const std::exception& error) {
    if (is_well_) log_warning("vector stores wait, to go on later: {}", error.what());
    is_well_ = false;
    return false;
  }
}

void VectorStoreWorker::work() {
  while (!stopping_) {
    // A little of each in turn: neither keeps the other waiting for long.
    bool has_more = false;
    const bool cleaned = attempt([&] { has_more = stores_.clean_up(); });
    const auto task = stores_.next_file();
    const bool read_it = attempt([&] {
      if (task) read(*task);
    });
    const bool well = cleaned && read_it;
    if (well) is_well_ = true;
    if (well && (task || has_more)) continue;
    if (!stopping_) stores_.wait(pause_);
  }
}

void VectorStoreWorker::check_wanted(const FileTask& task) const {
  if (stopping_ || !stores_.is_wanted(task)) throw Unwanted();
}

void VectorStoreWorker::read(const FileTask& task) {
  const auto record = files_.find(task.file.id);
  auto bytes = files_.content(task.file.id);
  if (!record || !bytes) return stores_.fail(task, kServerError, "The uploaded file is gone.");
  std::string code = kServerError;
  std::string message = "The server could not read the file; its log says more.";
  try {
    const IngestResult result =
        ingestor_.ingest({.bytes = *std::move(bytes),
                          .source = record->filename,
                          .collection = task.store_id,
                          .title = {},
                          .id = task.file.id,
                          .attributes = task.file.attributes,
                          .max_passage_tokens = task.file.asked_passage_tokens,
                          .check_wanted = [&] { check_wanted(task); }});
    return stores_.complete(task, result);
  } catch (const Unwanted&) {
    return;
  } catch (const Error& error) {
    const auto fault = code_of(error.code());
    if (!fault) throw;
    code = *fault;
    if (code != kServerError) message = error.what();
    if (code == kServerError) log_error("the file {}: {}", task.file.id, error.what());
  } catch (const std::exception& error) {
    log_error("the file {}: {}", task.file.id, error.what());
  }
  stores_.fail(task, code, message);
}

}  // namespace tandem
