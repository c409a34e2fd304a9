#include "generator/grammar/grammar.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "generator/grammar/program.h"
#include "generator/grammar/schema.h"

namespace tandem {

Grammar::Grammar(grammar::Program program)
    : program_(std::make_unique<const grammar::Program>(std::move(program))) {}

Grammar::~Grammar() = default;

std::shared_ptr<const Grammar> Grammar::parse_json_schema(std::string_view text) {
  nlohmann::ordered_json schema;
  try {
    schema = nlohmann::ordered_json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string("the schema is not valid JSON: ") + error.what());
  }
  return from_json_schema(schema);
}

std::shared_ptr<const Grammar> Grammar::from_json_schema(const nlohmann::ordered_json& schema) {
  return std::make_shared<const Grammar>(grammar::compile_schema(schema));
}

std::shared_ptr<const Grammar> Grammar::any_json_object() {
  return std::make_shared<const Grammar>(grammar::compile_any_object());
}

}  // namespace tandem
