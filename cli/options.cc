#include "cli/options.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "retriever/attribute_json.h"
#include "retriever/passage_text.h"

namespace tandem {
namespace {

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

// Of NAME=VALUE: a JSON scalar, or text as it stands.
AttributeValue value_of(const std::string& pair) {
  const std::size_t mark = pair.find('=');
  if (mark == std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument, "--attribute " + pair + " has no value",
                "write NAME=VALUE");
  }
  const std::string text = pair.substr(mark + 1);
  const auto json = nlohmann::json::parse(text, nullptr, false);
  return json.is_discarded() ? text : attribute_value(json).value_or(text);
}

}  // namespace

// CLI11's own one also takes the numbers of an enum, and shows them.
CLI::Validator choice_of(std::map<std::string, std::string> values) {
  std::string names;
  for (const auto& [name, value] : values) names += (names.empty() ? "" : ",") + name;
  return {[values = std::move(values), names](std::string& text) {
            const auto found = values.find(text);
            if (found == values.end()) return fmt::format("{} is not one of {}", text, names);
            text = found->second;
            return std::string();
          },
          fmt::format("{{{}}}", names)};
}

void add_store_option(CLI::App& command, std::filesystem::path& folder) {
  command.add_option("-s,--store", folder, "Folder of the store")
      ->required()
      ->envname("TANDEM_STORE")
      ->type_name("PATH");
}

void add_engine_options(CLI::App& command, EngineOptions& options) {
  add_store_option(command, options.store);
  add_model_options(command, options);
}

void add_model_options(CLI::App& command, EngineOptions& options) {
  command
      .add_option(
          "--encoder", options.encoder,
          "Folder of the encoder (Hugging Face layout); needed once, the store remembers it")
      ->envname("TANDEM_ENCODER")
      ->type_name("DIR");
  command
      .add_option("--threads", options.threads, "Threads for the networks; 0: one per processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

CLI::Option* add_reranker_option(CLI::App& command, EngineOptions& options) {
  return command
      .add_option("--reranker", options.reranker,
                  "Folder of a cross-encoder (Hugging Face layout) that scores the best passages "
                  "of a search again, such as one that tandem train reranker made")
      ->envname("TANDEM_RERANKER")
      ->type_name("DIR");
}

void add_index_option(CLI::App& command, EngineOptions& options) {
  add_choice<IndexKind>(
      command, "--index", options.index_kind, index_kinds(),
      "How vectors are searched: 'flat' (exact, slow from a hundred thousand passages on), 'ivf' "
      "(inverted lists: finds about 99 of 100 of the nearest), 'ivf-fp16' or 'ivf-sq8' (the same "
      "in half or a quarter of the memory, a little less precise), 'hnsw' or 'hnsw-sq8' (a graph: "
      "takes far longer to make), or 'auto': flat up to 32,767 passages, then ivf. The "
      "store remembers it; changing it rearranges the index in the background")
      ->type_name("KIND");
}

void add_generator_option(CLI::App& command, EngineOptions& options) {
  command
      .add_option("--generator", options.generator,
                  "GGUF file of the generator; needed once, the store remembers it")
      ->envname("TANDEM_GENERATOR")
      ->type_name("FILE");
  add_choice<DecoderDevice>(
      command, "--device", options.placement.device,
      {{"cpu", DecoderDevice::kCpu},
       {"cuda", DecoderDevice::kCuda},
       {"auto", DecoderDevice::kAuto}},
      "Where the generator and the search compute: 'cpu', 'cuda' (the first NVIDIA GPU, by "
      "libtandem_cuda.so beside this program), or 'auto': the GPU if one can "
      "be used")
      ->envname("TANDEM_DEVICE")
      ->type_name("DEVICE")
      ->default_str("cpu");
  add_choice<DeviceWeightFormat>(
      command, "--gpu-bits", options.placement.gpu_weights,
      {{"16", DeviceWeightFormat::kFull}, {"8", DeviceWeightFormat::kBytes}},
      "Bits of a weight on a GPU: 16, or 8, which takes half the memory")
      ->type_name("BITS")
      ->default_str("16");
  command
      .add_option("--gpu-index-mb", options.gpu_index_mb,
                  "Most memory of a GPU for copies of the index, by which questions without a "
                  "filter are searched there; 0 for none; default: half of what the models leave")
      ->check(CLI::Range(0, 1 << 20));
  command
      .add_option("--cache-mb", options.cache_mb,
                  "Most memory for the generator's attention: prompts and answers in progress, and "
                  "prompts that may come again")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  add_choice<KvType>(
      command, "--cache-type", options.cache_type,
      {{"f16", KvType::kHalf}, {"int8", KvType::kInt8}},
      "What that memory holds: 'f16', or 'int8', which has room for nearly twice as many "
      "tokens and rounds a little more; default: f16")
      ->type_name("TYPE");
  command.add_flag("--window", options.window,
                   "Go on past the generator's context: what lies between the beginning of a "
                   "conversation and a window before its end is forgotten. Without it, answers end "
                   "at the context and longer prompts are refused");
  add_choice<PassageReading>(
      command, "--passages", options.passage_reading,
      {{"together", PassageReading::kTogether}, {"independent", PassageReading::kIndependent}},
      "How the generator reads passages: 'together', or 'independent', each by itself "
      "and only once, for a generator that was fine-tuned for it; default: as its file says")
      ->type_name("HOW");
}

void add_search_mode_option(CLI::App& command, SearchMode& mode) {
  add_choice<SearchMode>(command, "--mode", mode, search_modes(),
                         "How passages are found: 'dense' (by meaning), 'lexical' (by words), or "
                         "'hybrid', by both")
      ->type_name("MODE")
      ->default_str("hybrid");
}

void add_language_option(CLI::App& command, std::string& language) {
  command
      .add_option("--language", language,
                  "Language of the documents, whose words lexical search reduces to stems, such as "
                  "'german', or 'none'; default: the one the store remembers, or english. Changing "
                  "it counts the words of the whole store anew")
      ->type_name("NAME")
      ->check(CLI::IsMember(analysis_languages()));
}

void add_collection_option(CLI::App& command, std::string& collection) {
  command.add_option("-c,--collection", collection, "Collection of documents")
      ->capture_default_str()
      ->check([](const std::string& name) -> std::string {
        try {
          check_collection_name(name);
          return {};
        } catch (const Error& error) {
          return error.what();
        }
      });
}

void add_filter_option(CLI::App& command, std::optional<Filter>& filter) {
  command
      .add_option_function<std::string>(
          "--filter",
          [&filter](const std::string& text) { filter = parse_filter_text(text, "--filter"); },
          "Search only documents whose attributes it selects, such as "
          "'{\"type\": \"eq\", \"key\": \"language\", \"value\": \"en\"}'; types: eq ne gt gte lt "
          "lte in nin, and/or with \"filters\"; each document also has $id, $source, $title, "
          "$media_type and $created_at")
      ->type_name("JSON");
}

void add_attribute_option(CLI::App& command, std::optional<Attributes>& attributes) {
  command
      .add_option_function<std::vector<std::string>>(
          "--attribute",
          [&attributes](const std::vector<std::string>& pairs) {
            attributes.emplace();
            for (const std::string& pair : pairs) {
              attributes->insert_or_assign(pair.substr(0, pair.find('=')), value_of(pair));
            }
            check_attributes(*attributes);
          },
          "An attribute of each document taken up, to filter by; repeatable. The value is a "
          "number, true, false, or else text; in double quotes it is always text. Without this "
          "option documents keep the attributes that they have")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

std::string terminal_safe(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char next = decode_utf8(text);
    const bool harmless =
        !is_control(next.code_point) || next.code_point == '\n' || next.code_point == '\t';
    append_utf8(harmless ? next.code_point : kReplacementCharacter, out);
    text.remove_prefix(next.size_bytes);
  }
  return out;
}

std::string one_line(std::string_view text, std::size_t max_code_points) {
  std::string out;
  std::size_t length = 0;
  bool pending_space = false;
  while (!text.empty()) {
    const Utf8Char next = decode_utf8(text);
    text.remove_prefix(next.size_bytes);
    if (next.code_point == ' ' || is_control(next.code_point)) {
      pending_space = !out.empty();
      continue;
    }
    if (length >= max_code_points) return out + "…";
    if (pending_space) {
      out += ' ';
      ++length;
    }
    pending_space = false;
    append_utf8(next.code_point, out);
    ++length;
  }
  return out;
}

std::string location_of(std::string_view title, std::string_view heading_path, std::uint32_t page) {
  std::string location = title_with_headings(title, heading_path);
  if (page > 0) location += ", page " + std::to_string(page);
  return one_line(location, 120);
}

}  // namespace tandem
