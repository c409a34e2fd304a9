// Options that several commands share, and how results are shown on a terminal.
#ifndef TANDEM_CLI_OPTIONS_H_
#define TANDEM_CLI_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "retriever/filter.h"
#include "server/engine.h"
#include "store/store.h"

namespace tandem {

// --store.
void add_store_option(CLI::App& command, std::filesystem::path& folder);
// --encoder and --threads.
void add_model_options(CLI::App& command, EngineOptions& options);
// --store and those, bound to `options`, which must outlive the parsing.
void add_engine_options(CLI::App& command, EngineOptions& options);
// --reranker.
CLI::Option* add_reranker_option(CLI::App& command, EngineOptions& options);
// --index.
void add_index_option(CLI::App& command, EngineOptions& options);
// --generator, --device, --gpu-bits, --gpu-index-mb, --cache-mb, --cache-type, --window and
// --passages.
void add_generator_option(CLI::App& command, EngineOptions& options);
// Takes the names in `values` and puts the value in their place.
CLI::Validator choice_of(std::map<std::string, std::string> values);
// An option whose values are the names in `choices`.
template <class Value, class Target>
CLI::Option* add_choice(CLI::App& command, const std::string& name, Target& target,
                        const std::map<std::string, Value>& choices, const std::string& help) {
  std::map<std::string, std::string> values;
  for (const auto& [choice, value] : choices) {
    if constexpr (std::is_enum_v<Value>) {
      values[choice] = std::to_string(static_cast<int>(value));
    } else {
      values[choice] = value;
    }
  }
  return command.add_option(name, target, help)
      ->transform(choice_of(std::move(values)))
      ->type_name("NAME");
}
// --filter, as JSON.
void add_filter_option(CLI::App& command, std::optional<Filter>& filter);
// --attribute NAME=VALUE, repeatable.
void add_attribute_option(CLI::App& command, std::optional<Attributes>& attributes);
// --mode, "dense", "lexical" or "hybrid".
void add_search_mode_option(CLI::App& command, SearchMode& mode);
// --language, of the words that lexical search counts.
void add_language_option(CLI::App& command, std::string& language);
// --collection, checked like every collection name.
void add_collection_option(CLI::App& command, std::string& collection);

// "Title > Heading > Section, page 3", with terminal control characters made visible, since titles
// come from documents.
std::string location_of(std::string_view title, std::string_view heading_path, std::uint32_t page);

// `text` without control characters, on one line, cut to `max_code_points` with "…".
std::string one_line(std::string_view text, std::size_t max_code_points);

// `text` as it may be written to a terminal: control characters other than newline and tab become
// U+FFFD, so that no document can move the cursor or set the title.
std::string terminal_safe(std::string_view text);

}  // namespace tandem

#endif  // TANDEM_CLI_OPTIONS_H_
