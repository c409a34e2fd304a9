#include "server/tuning/files.h"

#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "retriever/passage_text.h"
#include "trainer/run_folder.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kLogTailBytes = 16u << 10;
constexpr std::size_t kShortIdDigits = 8;

std::string corpus_line(const Passage& passage) {
  const json line = {{"id", std::to_string(passage.id)},
                     {"document", passage.document_id},
                     // As the generator's prompt names it when it serves.
                     {"title", title_with_headings(passage.title, passage.heading_path)},
                     {"text", passage.text}};
  return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

// Also of "models/encoder/".
std::string folder_name(const fs::path& folder) {
  return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
}

std::string last_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
  file.seekg(static_cast<std::streamoff>(size - std::min(size, kLogTailBytes)));
  std::string tail(std::min(size, kLogTailBytes), '\0');
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  tail.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return tail;
}

}  // namespace

void export_corpus(const Store& store, std::string_view collection, const fs::path& path) {
  OutputFile file(path);
  std::uint64_t written = 0;
  store.for_each_document(collection, [&](const Document& document) {
    std::string lines;
    for (const Passage& passage : store.document_passages(collection, document.id)) {
      lines += corpus_line(passage);
    }
    file.write_at(written, std::as_bytes(std::span(lines)));
    written += lines.size();
  });
  if (written == 0) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the collection '{}' has no passages to learn from", collection),
                "add documents to it, or name another one");
  }
  file.publish();
}

std::vector<std::string> training_command(const TuningJob& job, const fs::path& store,
                                          const fs::path& program) {
  const fs::path folder = fs::path("tuning") / job.id;
  const bool preferences = job.request.method == TuningMethod::kDpo;
  std::vector<std::string> command = {program.string(), "train"};
  if (preferences) command.emplace_back("preferences");
  const auto add = [&](const char* flag, const std::string& value) {
    command.insert(command.end(), {flag, value});
  };
  add("--corpus", (folder / kTuningCorpus).string());
  add(preferences ? "--preferences" : "--questions", (folder / kTrainingLines).string());
  if (!job.request.validation_file.empty()) add("--dev", (folder / kDevLines).string());
  add("--encoder", job.encoder);
  add("--generator", job.generator);
  add("--run", (folder / kTuningRun).string());
  add("--threads", std::to_string(job.threads));
  command.insert(command.end(), job.request.arguments.begin(), job.request.arguments.end());
  if (progress_of(store / folder / kTuningRun).begun) command.emplace_back("--resume");
  return command;
}

ReleaseModels trained_models(const TuningJob& job, const fs::path& store) {
  const fs::path run = store / "tuning" / job.id / kTuningRun;
  const std::string mark = job.request.suffix.empty()
                               ? job.id.substr(job.id.find('-') + 1, kShortIdDigits)
                               : job.request.suffix;
  ReleaseModels models{store / job.encoder, store / job.generator};
  if (exists(run / "encoder")) {
    models.encoder = run / "encoder";
    models.encoder_name = fmt::format("{}-{}", folder_name(job.encoder), mark);
  }
  if (exists(run / "generator.gguf")) {
    models.generator = run / "generator.gguf";
    models.generator_name = fmt::format("{}-{}", fs::path(job.generator).stem().string(), mark);
  }
  return models;
}

RunProgressSoFar progress_of(const fs::path& run) {
  RunProgressSoFar progress;
  progress.begun = exists(run / "run.json");
  progress.ended = exists(run / "result.json");
  for (const json& line : RunFolder::read_metrics(run)) {
    const auto tokens = line.find("generator_tokens");
    if (tokens == line.end() || !tokens->is_number()) continue;
    ++progress.steps;
    progress.tokens += tokens->get<std::int64_t>();
    progress.planned = count_of(line, "steps");  // none in runs that an older version began
    progress.seconds += number_of(line, "seconds");
  }
  return progress;
}

std::string failure_of(const fs::path& log, int exit_code) {
  constexpr std::string_view kComplaint = "tandem: ";
  const std::string tail = repair_utf8(last_bytes(log));
  if (exit_code < 128) {
    const std::size_t found = tail.rfind("\n" + std::string(kComplaint));
    const std::size_t begin = found != std::string::npos     ? found + 1
                              : tail.starts_with(kComplaint) ? 0
                                                             : std::string::npos;
    if (begin != std::string::npos) {
      const std::size_t text = begin + kComplaint.size();
      return tail.substr(text, tail.find('\n', text) - text);
    }
    return fmt::format("the training ended with exit code {}", exit_code);
  }
  const int signal = exit_code - 128;
  return fmt::format("the training was ended by signal {}{}", signal,
                     signal == SIGKILL ? "; the machine may be short of memory, of which shorter "
                                         "passages and smaller batches take less"
                                       : "");
}

}  // namespace tandem
