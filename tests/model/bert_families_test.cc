// The relatives of BERT against `transformers` (references/make_encoders.py), by both executors.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/bert.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"
#include "tests/support/tile_units.h"

namespace tandem {
namespace {

using nlohmann::json;

// With kNone by LibTorch, else by tiles.
class BertFamiliesTest : public testing::TileUnitTest {
 protected:
  static bool by_tiles() { return GetParam() != kernels::TileUnit::kNone; }
  // Tiles multiply in bfloat16, and random weights even nothing out. A position that is off by one
  // changes most states by 1 or more.
  static float tolerance() { return by_tiles() ? 0.2f : 2e-5f; }

  static void expect_states_of(const std::string& name) {
    const auto folder = testing::source_folder() / "tests/model/references/encoders" / name;
    const auto model =
        BertModel::load(folder, by_tiles() ? BertExecutor::kTiles : BertExecutor::kTorch);
    std::size_t longest = 0;
    for (const json& line : testing::read_reference(folder / "states.jsonl")) {
      const auto tokens = line["tokens"].get<std::vector<TokenId>>();
      longest = std::max(longest, tokens.size());
      for (const auto& [pooling, key] :
           {std::pair{Pooling::kMean, "mean"}, std::pair{Pooling::kCls, "first"}}) {
        const auto expected = line[key].get<std::vector<float>>();
        std::vector<float> out(expected.size());
        model->pooled_states(std::vector<std::vector<TokenId>>{tokens}, pooling, out);
        for (std::size_t i = 0; i < expected.size(); ++i)
          ASSERT_NEAR(out[i], expected[i], tolerance())
              << name << " " << key << " of " << tokens.size() << " tokens, " << i;
      }
    }
    EXPECT_EQ(longest, static_cast<std::size_t>(model->config().max_positions));
  }
};

TEST_P(BertFamiliesTest, Bert) {
  expect_states_of("bert");
}
TEST_P(BertFamiliesTest, XlmRoberta) {
  expect_states_of("xlm_roberta");
}

TANDEM_FOR_EVERY_EXECUTOR(BertFamiliesTest);

}  // namespace
}  // namespace tandem
