// What an encoder was trained to see before a text.
#ifndef TANDEM_RETRIEVER_ENCODER_PROMPTS_H_
#define TANDEM_RETRIEVER_ENCODER_PROMPTS_H_

#include <filesystem>
#include <string>

namespace tandem {

// Empty where there is none.
struct EncoderPrompts {
  std::string plain;
  std::string query;
  std::string passage;
};

// From `config_sentence_transformers.json`: the `prompts` named "query" and "passage" or
// "document", and for texts of no kind the one that `default_prompt_name` names. The folders of two
// widespread families say nothing there, and are known by their names (that of the folder, or
// `_name_or_path` of config.json): E5 (Wang et al. 2022, arXiv:2212.03533), "query: " and "passage:
// "; BGE (Xiao et al. 2023, arXiv:2309.07597), an instruction before queries. Write the `prompts`
// yourself where this errs. Throws kCorrupt if a file is not JSON.
EncoderPrompts read_prompts(const std::filesystem::path& folder);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_ENCODER_PROMPTS_H_
