#include "model/tokenizers/json_steps.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMostSteps = 32;

std::string quoted(const std::string& text) {
  return '"' + text.substr(0, 100) + '"';
}

SplitBehavior read_behavior(const json& split) {
  constexpr std::pair<const char*, SplitBehavior> kBehaviors[] = {
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous},
  };
  const std::string name = text_of(split, "behavior");
  for (const auto& [known, behavior] : kBehaviors) {
    if (name == known) return behavior;
  }
  throw unsupported_part("a Split with the behaviour", name);
}

std::unique_ptr<PreTokenizerStep> read_split(const json& split) {
  SplitOptions options;
  options.behavior = read_behavior(split);
  options.invert = flag_of(split, "invert", false);
  const json& pattern = member(split, "pattern");
  if (!member(pattern, "String").is_null()) {
    options.literal = text_of(pattern, "String");
    if (options.literal.empty()) throw unsupported_part("a Split by", "");
  } else {
    options.regex = text_of(pattern, "Regex");
    if (options.regex.empty()) throw unsupported_part("a Split by", "");
    options.pattern = known_split_pattern(options.regex);
    if (options.pattern) options.regex.clear();
  }
  return make_split_step(options);
}

// Adds the steps of `part`; true once ByteLevel, which must be the last, has been seen.
bool add_steps(const json& part, std::vector<std::unique_ptr<PreTokenizerStep>>& steps) {
  const std::string type = type_of(part);
  if (steps.size() >= kMostSteps) throw unsupported_part("a pre-tokenizer of so many steps:", type);
  if (type == "Sequence") {
    const json& list = member(part, "pretokenizers");
    if (!list.is_array()) throw JsonShapeError("\"pretokenizers\" is not an array");
    bool done = false;
    for (const json& inner : list) {
      // After ByteLevel a piece is written in GPT-2's alphabet, on which no later step of ours
      // works.
      if (done) throw unsupported_part("a pre-tokenizer after ByteLevel:", type_of(inner));
      done = add_steps(inner, steps);
    }
    return done;
  }
  if (type == "Split") {
    steps.push_back(read_split(part));
    return false;
  }
  if (type == "Digits") {
    steps.push_back(make_digits_step(flag_of(part, "individual_digits", false)));
    return false;
  }
  if (type == "ByteLevel") {
    if (flag_of(part, "add_prefix_space", true)) steps.push_back(make_prefix_space_step());
    if (flag_of(part, "use_regex", true)) {
      steps.push_back(make_split_step({.pattern = SplitPattern::kGpt2}));
    }
    return true;
  }
  throw unsupported_part("BPE with the pre-tokenizer", type);
}

void add_template(const json& processor, std::vector<TokenId>& prefix,
                  std::vector<TokenId>& suffix) {
  const json& pieces = member(processor, "single");
  if (!pieces.is_array()) throw JsonShapeError("\"single\" of the post-processor is not an array");
  const json& specials = member(processor, "special_tokens");
  bool after_text = false;
  for (const json& piece : pieces) {
    if (!member(piece, "Sequence").is_null()) {
      if (after_text) throw unsupported_part("a template that repeats", "Sequence");
      after_text = true;
      continue;
    }
    const std::string name = text_of(member(piece, "SpecialToken"), "id");
    const json& ids = member(member(specials, name.c_str()), "ids");
    if (!ids.is_array())
      throw JsonShapeError("the template's token " + quoted(name) + " has no ids");
    for (const json& id : ids) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() > (1u << 24)) {
        throw JsonShapeError("the template's token " + quoted(name) + " has an impossible id");
      }
      (after_text ? suffix : prefix).push_back(id.get<TokenId>());
    }
  }
  if (!after_text) throw JsonShapeError("the post-processor's template leaves out the text");
}

TokenId read_pair_id(const json& processor, const char* name) {
  const json& pair = member(processor, name);
  if (!pair.is_array() || pair.size() != 2 || !pair[1].is_number_unsigned() ||
      pair[1].get<std::uint64_t>() > (1u << 24)) {
    throw JsonShapeError(std::string("the post-processor's ") + quoted(name) +
                         " is not a pair of token and id");
  }
  return pair[1].get<TokenId>();
}

}  // namespace

UnsupportedPart unsupported_part(const std::string& what, const std::string& name) {
  return UnsupportedPart(what + ' ' + quoted(name));
}

const json& member(const json& object, const char* name) {
  static const json kNull;
  if (!object.is_object()) {
    throw JsonShapeError("an object with " + quoted(name) + " is missing or something else");
  }
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

std::string text_of(const json& object, const char* name) {
  const json& value = member(object, name);
  if (!value.is_string()) throw JsonShapeError(quoted(name) + " is not a string");
  return value.get<std::string>();
}

bool flag_of(const json& object, const char* name, bool otherwise) {
  const json& value = member(object, name);
  if (value.is_null()) return otherwise;
  if (!value.is_boolean()) throw JsonShapeError(quoted(name) + " is not true or false");
  return value.get<bool>();
}

std::size_t count_of(const json& object, const char* name, std::size_t otherwise) {
  const json& value = member(object, name);
  if (value.is_null()) return otherwise;
  if (!value.is_number_unsigned()) throw JsonShapeError(quoted(name) + " is not a whole number");
  return value.get<std::size_t>();
}

std::string type_of(const json& object) {
  if (!object.is_object()) return {};
  const json& type = member(object, "type");
  return type.is_string() ? type.get<std::string>() : std::string();
}

BertTextOptions read_bert_normalizer(const json& normalizer) {
  if (type_of(normalizer) != "BertNormalizer") {
    throw unsupported_part("WordPiece with the normalizer", type_of(normalizer));
  }
  BertTextOptions options;
  options.clean_text = flag_of(normalizer, "clean_text", true);
  options.handle_chinese_chars = flag_of(normalizer, "handle_chinese_chars", true);
  options.lowercase = flag_of(normalizer, "lowercase", true);
  options.strip_accents = flag_of(normalizer, "strip_accents", options.lowercase);
  return options;
}

void read_normalizer(const json& normalizer, std::vector<NormalizerStep>& steps) {
  constexpr std::pair<const char*, NormalizerStep> kSteps[] = {
      {"NFC", NormalizerStep::kNfc},
      {"NFD", NormalizerStep::kNfd},
      {"NFKC", NormalizerStep::kNfkc},
      {"NFKD", NormalizerStep::kNfkd},
      {"Lowercase", NormalizerStep::kLowercase},
      {"StripAccents", NormalizerStep::kStripAccents},
  };
  if (normalizer.is_null()) return;
  const std::string type = type_of(normalizer);
  if (type == "Sequence") {
    const json& list = member(normalizer, "normalizers");
    if (!list.is_array()) throw JsonShapeError("\"normalizers\" is not an array");
    for (const json& inner : list) read_normalizer(inner, steps);
    return;
  }
  for (const auto& [name, step] : kSteps) {
    if (type != name) continue;
    if (steps.size() >= kMostSteps) throw unsupported_part("a normalizer of so many steps:", type);
    steps.push_back(step);
    return;
  }
  throw unsupported_part("BPE with the normalizer", type);
}

PreTokenizer read_byte_level_pre_tokenizer(const json& pre_tokenizer) {
  std::vector<std::unique_ptr<PreTokenizerStep>> steps;
  if (pre_tokenizer.is_null() || !add_steps(pre_tokenizer, steps)) {
    throw unsupported_part("BPE without the pre-tokenizer", "ByteLevel");
  }
  return PreTokenizer(std::move(steps));
}

void read_surroundings(const json& processor, std::vector<TokenId>& prefix,
                       std::vector<TokenId>& suffix) {
  if (processor.is_null()) return;
  const std::string type = type_of(processor);
  if (type == "ByteLevel") return;
  if (type == "Sequence") {
    const json& list = member(processor, "processors");
    if (!list.is_array()) throw JsonShapeError("\"processors\" is not an array");
    for (const json& inner : list) {
      // A later processor works on the outcome of the one before it.
      std::vector<TokenId> before;
      read_surroundings(inner, before, suffix);
      prefix.insert(prefix.begin(), before.begin(), before.end());
    }
  } else if (type == "TemplateProcessing") {
    add_template(processor, prefix, suffix);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    prefix.push_back(read_pair_id(processor, "cls"));
    suffix.push_back(read_pair_id(processor, "sep"));
  } else {
    throw unsupported_part("the post-processor", type);
  }
}

}  // namespace tandem
