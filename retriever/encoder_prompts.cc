#include "retriever/encoder_prompts.h"

#include <initializer_list>
#include <string_view>

#include "base/utf8.h"
#include "retriever/encoder_files.h"

namespace tandem {
namespace {

using nlohmann::json;

std::string text_of(const json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string first_of(const json& prompts, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (std::string text = text_of(prompts, name); !text.empty()) return text;
  return {};
}

EncoderPrompts known_prompts(const std::filesystem::path& folder) {
  std::string name = folder_name(folder);
  if (const auto config = read_encoder_json(folder / "config.json"); config && config->is_object())
    name += " " + text_of(*config, "_name_or_path");
  name = lower_ascii(name);
  const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  // Those that take instructions take another one for every task.
  if (has("instruct") || has("mistral")) return {};
  if (name.starts_with("e5-") || has("/e5-") || has("-e5-") || has(" e5-"))
    return {.plain = {}, .query = "query: ", .passage = "passage: "};
  if (has("bge-") && has("-en"))
    return {.plain = {},
            .query = "Represent this sentence for searching relevant passages: ",
            .passage = {}};
  if (has("bge-") && has("-zh"))
    return {.plain = {}, .query = "为这个句子生成表示以用于检索相关文章：", .passage = {}};
  return {};
}

}  // namespace

EncoderPrompts read_prompts(const std::filesystem::path& folder) {
  const auto config = read_encoder_json(folder / "config_sentence_transformers.json");
  const bool has_prompts = config && config->is_object() && config->contains("prompts") &&
                           (*config)["prompts"].is_object();
  if (!has_prompts) return known_prompts(folder);
  const json& prompts = (*config)["prompts"];
  EncoderPrompts read{.plain = text_of(prompts, text_of(*config, "default_prompt_name")),
                      .query = first_of(prompts, {"query", "search_query"}),
                      .passage = first_of(prompts, {"passage", "document", "search_document"})};
  // Newer versions write empty prompts for every model.
  if (read.query.empty() && read.passage.empty() && read.plain.empty())
    return known_prompts(folder);
  return read;
}

}  // namespace tandem
